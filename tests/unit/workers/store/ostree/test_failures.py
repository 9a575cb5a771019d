# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""failures.py: libostree's and the kernel's errors in a table."""

import errno
import os

import pytest
from gi.repository import Gio, GLib

from appctld.errors import AppctlError, Busy, Failed, NoSpace, NotFound, RepoCorrupt
from appctld.workers.store.ostree.failures import translated


def io_error(code: Gio.IOErrorEnum, text: str) -> GLib.Error:
    return GLib.Error.new_literal(Gio.io_error_quark(), text, code)


TABLE = [
    (io_error(Gio.IOErrorEnum.WOULD_BLOCK, "Locking repo exclusive failed"), Busy),
    (io_error(Gio.IOErrorEnum.NO_SPACE, "write: No space left on device"), NoSpace),
    (io_error(Gio.IOErrorEnum.NOT_FOUND, "No such metadata object"), RepoCorrupt),
    (io_error(Gio.IOErrorEnum.NOT_FOUND, "Opening lock file (null)/.lock failed: No such file"), Failed),
    (io_error(Gio.IOErrorEnum.FAILED, "Corrupted file object; checksum expected"), RepoCorrupt),
    (io_error(Gio.IOErrorEnum.FAILED, "something else"), Failed),
    (OSError(errno.ENOSPC, "No space left on device"), NoSpace),
    (OSError(errno.EDQUOT, "Disk quota exceeded"), NoSpace),
    (OSError(errno.EMFILE, "Too many open files"), Failed),
    (NotFound("ours already"), NotFound),
]


@pytest.mark.parametrize(("error", "leaf"), TABLE, ids=[str(error) for error, _ in TABLE])
def test_an_error_becomes_its_leaf(error: Exception, leaf: type[AppctlError]) -> None:
    with pytest.raises(AppctlError) as raised, translated("doing it"):
        raise error
    assert type(raised.value) is leaf


def test_the_unforeseen_is_what_the_caller_says() -> None:
    with pytest.raises(RepoCorrupt, match="doing it: odd"), translated("doing it", otherwise=RepoCorrupt):
        raise io_error(Gio.IOErrorEnum.FAILED, "odd")


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_what_a_process_lacks_is_no_damage(number: int) -> None:
    with pytest.raises(Failed), translated("doing it", otherwise=RepoCorrupt):
        raise OSError(number, os.strerror(number))


def test_our_own_bugs_pass_through() -> None:
    with pytest.raises(KeyError), translated("doing it"):
        raise KeyError
