# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What libostree says, as leaves; never with the proxy's password."""

import errno
from pathlib import Path

import pytest
from gi.repository import Gio, GLib

from appctld import errors
from appctld.workers.net.address import Url
from appctld.workers.pull.failures import translated
from appctld.workers.pull.source import Source

SOURCE = Source(Path("/q"), "https://ostree.example/", Url.parse("https://ostree.example/"), None, None, None)
FAILED, NOT_FOUND, NO_SPACE = Gio.IOErrorEnum.FAILED, Gio.IOErrorEnum.NOT_FOUND, Gio.IOErrorEnum.NO_SPACE

SAID = [
    (FAILED, "Server returned HTTP 401", errors.RegistryAuth),
    (FAILED, "Server returned HTTP 429", errors.RateLimited),
    (FAILED, "Server returned HTTP 503", errors.RegistryUnavailable),
    (FAILED, "While fetching https://ostree.example/x: [60] SSL peer certificate", errors.TlsUntrusted),
    (
        FAILED,
        "While fetching https://ostree.example/x: [56] CONNECT tunnel failed",
        errors.RegistryUnavailable,
    ),
    (FAILED, "URI https://ostree.example/x exceeded maximum size of 1 bytes", errors.LimitExceeded),
    (FAILED, "write: File too large", errors.LimitExceeded),
    (FAILED, "write: No space left on device", errors.NoSpace),
    (NO_SPACE, "Full", errors.NoSpace),
    (FAILED, "No such branch 'x' in repository summary", errors.NotFound),
    (NOT_FOUND, "Server returned HTTP 404", errors.NotFound),
    (FAILED, "Corrupted metadata object; checksum expected='0' actual='1'", errors.DigestMismatch),
    (FAILED, "Something else", errors.Failed),
]


def raised(code: Gio.IOErrorEnum, text: str, *, whole: bool = False) -> errors.AppctlError:
    with (
        pytest.raises(errors.AppctlError) as error,
        translated(SOURCE, whole=whole, secret="sesame"),
    ):
        raise GLib.Error.new_literal(Gio.io_error_quark(), text, code)
    return error.value


@pytest.mark.parametrize(("code", "text", "leaf"), SAID, ids=[case[1] for case in SAID])
def test_it_is_a_leaf(code: Gio.IOErrorEnum, text: str, leaf: type[errors.AppctlError]) -> None:
    assert type(raised(code, text)) is leaf


@pytest.mark.parametrize("code", [FAILED, NOT_FOUND])
@pytest.mark.parametrize("before", ["", "Corrupted ", "[56] ", "HTTP 500 "])
def test_the_password_is_in_none(code: Gio.IOErrorEnum, before: str) -> None:
    assert "sesame" not in repr(raised(code, f"{before}http://appctl:sesame@127.0.0.1:1").to_wire())


def test_a_part_that_is_missing_is_not_the_callers_mistake() -> None:
    assert type(raised(NOT_FOUND, "Server returned HTTP 404", whole=True)) is errors.RegistryUnavailable


@pytest.mark.parametrize(("number", "leaf"), [(errno.ENOSPC, errors.NoSpace), (errno.EACCES, errors.Failed)])
def test_the_kernel_is_heard_too(number: int, leaf: type[errors.AppctlError]) -> None:
    with pytest.raises(leaf), translated(SOURCE, whole=False, secret=""):
        raise OSError(number, "said")
