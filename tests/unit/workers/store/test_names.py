# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""names.py: the only texts from outside that may name a file."""

from collections.abc import Callable

import pytest

from appctld.errors import Failed
from appctld.workers.store.names import (
    check_app_ref,
    check_checksum,
    check_commit_ref,
    check_deployment,
    check_id,
    check_layer_ref,
    check_ostree_ref,
    check_quarantine,
    check_ref,
    is_blob_directory,
)

HEX = "0123456789abcdef" * 4
Check = Callable[[str], str]

GOOD: list[tuple[Check, str]] = [
    (check_checksum, HEX),
    (check_id, "org.example.App"),
    (check_id, "_a.b-c.D_1"),
    (check_deployment, "0123456789ab.0"),
    (check_deployment, "0123456789ab.12"),
    (check_layer_ref, f"appctl/layer/acme/{HEX}"),
    (check_ostree_ref, f"appctl/ostree/acme/{HEX}"),
    (check_commit_ref, f"appctl/commit/acme/{HEX}"),
    (check_quarantine, "01234567"),
    (check_quarantine, HEX),
    (check_app_ref, "appctl/app/acme-1/org.example.App/0123456789ab.0"),
    (check_ref, f"appctl/layer/a/{HEX}"),
    (check_ref, f"appctl/ostree/a/{HEX}"),
    (check_ref, f"appctl/commit/a/{HEX}"),
    (check_ref, "appctl/app/a/org.example.App/0123456789ab.3"),
]


@pytest.mark.parametrize(("check", "text"), GOOD)
def test_a_name_within_its_pattern_passes(check: Check, text: str) -> None:
    assert check(text) == text


BAD: list[tuple[Check, str]] = [
    (check_checksum, HEX[:-1]),
    (check_checksum, HEX.upper()),
    (check_checksum, HEX + "\n"),
    (check_checksum, "../" + HEX[3:]),
    (check_id, "org.example"),
    (check_id, "..org.example.App"),
    (check_id, "org..example.App"),
    (check_id, "org.example.App/x"),
    (check_id, "org.example.1App"),
    (check_id, "org.example.Äpp"),
    (check_id, "org.example.App\n"),
    (check_id, "a." * 127 + "bc"),
    (check_deployment, ".."),
    (check_deployment, "current"),
    (check_deployment, "0123456789ab"),
    (check_deployment, "0123456789ab.0/.."),
    (check_deployment, "0123456789ab.٣"),
    (check_layer_ref, "appctl/layer/acme/.."),
    (check_layer_ref, f"appctl/layer/../{HEX}"),
    (check_layer_ref, f"appctl/layer/Acme/{HEX}"),
    (check_layer_ref, f"appctl/layer/{'a' * 65}/{HEX}"),
    (check_ostree_ref, f"appctl/layer/acme/{HEX}"),
    (check_ostree_ref, f"appctl/ostree/acme/{HEX}/x"),
    (check_ostree_ref, f"appctl/ostree/../{HEX}"),
    (check_commit_ref, "appctl/commit/acme/.."),
    (check_commit_ref, f"appctl/commit/acme/{HEX}/x"),
    (check_commit_ref, f"appctl/commit/../{HEX}"),
    (check_commit_ref, f"appctl/layer/acme/{HEX}"),
    (check_quarantine, ".."),
    (check_quarantine, "0123456"),
    (check_quarantine, "0123456g"),
    (check_quarantine, f"{HEX}0"),
    (check_app_ref, "appctl/app/acme/org.example.App"),
    (check_app_ref, "appctl/app/acme/org.example.App/0123456789ab.0/x"),
    (check_ref, "heads/master"),
    (check_ref, ""),
    (check_ref, "appctl/commit/acme/x"),
    (check_ref, "appctl/ostree/acme/x"),
    (check_ref, f"other/ostree/acme/{HEX}"),
    (check_ref, f"ostree/container/blob/{HEX}"),
]


@pytest.mark.parametrize(("check", "text"), BAD)
def test_any_other_text_is_refused(check: Check, text: str) -> None:
    with pytest.raises(Failed):
        check(text)


@pytest.mark.parametrize("name", ["acme", "acme.login", "a-b_9"])
def test_the_directories_of_blobs_are_named_after_remotes(name: str) -> None:
    assert is_blob_directory(name)


@pytest.mark.parametrize("name", ["", "Acme", "lost+found", "acme.logins", ".login", "a/b", "..", "acme\n"])
def test_other_directories_hold_no_blobs(name: str) -> None:
    assert not is_blob_directory(name)
