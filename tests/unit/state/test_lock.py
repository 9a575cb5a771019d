# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""state/lock.py: one daemon a state directory."""

import errno
import os
import threading
from pathlib import Path

import pytest

from appctld.errors import Busy
from appctld.state import lock as module
from appctld.state.lock import take_lock
from appctld.state.paths import Paths

pytestmark = pytest.mark.usefixtures("nothing_stays")


def test_a_second_daemon_is_told_that_there_is_a_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAIT", 0.1)
    first = take_lock(Paths(tmp_path))
    with pytest.raises(Busy, match="another daemon works on"):
        take_lock(Paths(tmp_path))
    os.close(first)


def test_it_is_taken_again_once_it_is_free(tmp_path: Path) -> None:
    os.close(take_lock(Paths(tmp_path)))
    os.close(take_lock(Paths(tmp_path)))


def test_who_comes_while_the_first_is_ending_waits(tmp_path: Path) -> None:
    first = take_lock(Paths(tmp_path))
    ending = threading.Timer(0.2, os.close, (first,))
    ending.start()
    os.close(take_lock(Paths(tmp_path)))
    ending.join()


def test_only_its_owner_may_hold_it(tmp_path: Path) -> None:
    descriptor = take_lock(Paths(tmp_path))
    assert os.fstat(descriptor).st_mode & 0o777 == 0o600
    assert not os.get_inheritable(descriptor), "children get it by name, not by accident"
    os.close(descriptor)


def test_a_lock_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to("elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        take_lock(Paths(tmp_path))
    assert not (tmp_path / "elsewhere").exists()


def test_on_a_disk_that_became_read_only_it_is_held_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def read_only(path: Path, flags: int, mode: int = 0o777) -> int:
        if flags & (os.O_RDWR | os.O_CREAT):
            raise OSError(errno.EROFS, "Read-only file system")
        return opened(path, flags, mode)

    monkeypatch.setattr(module, "WAIT", 0.1)
    os.close(take_lock(Paths(tmp_path)))
    with monkeypatch.context() as patched:
        patched.setattr(os, "open", read_only)
        first = take_lock(Paths(tmp_path))
        with pytest.raises(Busy):
            take_lock(Paths(tmp_path))
    os.close(first)
