# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Exit codes: the promised table, and none forgotten."""

import pytest

from appctl.exits import TABLE, ExitCode, exit_code
from appctld.errors import leaves

PROMISED = {
    0: ["AlreadyInstalled", "AlreadyUpToDate"],
    3: ["NoRemote", "NotFound", "NotInstalled"],
    4: ["NotAuthorized", "PolkitRequired", "PolicyDenied"],
    5: ["SignatureMissing", "SignatureInvalid", "UntrustedSigner", "Rollback", "Expired", "DigestMismatch",
        "BadManifest", "UnsafeArchive", "CredentialScope", "TlsUntrusted"],
    6: ["NeedsApproval"],
    7: ["NoSpace"],
    64: ["InvalidReference"],
    75: ["RegistryUnavailable", "RateLimited", "Offline", "Busy"],
    130: ["Cancelled"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("code", "name"), [(code, name) for code, names in PROMISED.items() for name in names]
)
def test_an_error_has_the_exit_code_that_is_promised(code: int, name: str) -> None:
    assert exit_code(name) == code


@pytest.mark.parametrize("name", sorted(leaves()))
def test_every_error_of_the_daemon_has_an_exit_code(name: str) -> None:
    assert name in TABLE
    if name not in [item for names in PROMISED.values() for item in names]:
        assert TABLE[name] is ExitCode.FAILED


def test_a_name_from_a_newer_daemon_is_a_failure() -> None:
    assert exit_code("SomethingNew") is ExitCode.FAILED
