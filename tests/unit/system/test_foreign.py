# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Descriptors of callers are open in no process but workers, are closed once, and nobody waits for that."""

import contextlib
import errno
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appctld.errors import Failed
from appctld.system.foreign import Handed
from appctld.workers.protocol import handed as taken_out

_OURS = Path("/proc/self/fd")


class Closer:
    """Stands for close(2) on a file system that does not answer: the number is free, and then it waits."""

    def __init__(self, really: Callable[[int], None], slow: int) -> None:
        self.asked = threading.Event()
        self.answered = threading.Event()
        self._close, self._slow = really, slow

    def __call__(self, number: int) -> None:
        self._close(number)
        if number == self._slow:
            self.asked.set()
            self.answered.wait(30)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "bundle"
    found.write_bytes(b"what somebody has")
    return found


def opened(path: Path) -> int:
    return os.open(path, os.O_RDONLY)


def open_here(path: Path) -> int:
    """How many of this process's descriptors lead to that file."""
    found = 0
    for number in _OURS.iterdir():
        with contextlib.suppress(OSError):
            found += number.readlink() == path
    return found


@pytest.fixture
def nothing_left() -> Iterator[None]:
    before = len([*_OURS.iterdir()])
    yield
    assert len([*_OURS.iterdir()]) == before


@pytest.mark.usefixtures("nothing_left")
def test_a_callers_descriptor_is_open_in_workers_alone(path: Path) -> None:
    handed = Handed(opened(path))
    assert open_here(path) == 0, "a child that is started now would inherit it, and close it"
    for _ in range(2):
        given = handed.duplicate()
        assert open_here(path) == 0, "and so would the worker's bubblewrap"
        number = taken_out({"fds": {"bundle": given}}, "bundle")
        assert os.pread(number, 100, 0) == b"what somebody has"
        os.close(number)
    handed.close()


def test_who_is_handed_one_does_not_wait_for_its_file_system(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = opened(path)
    closer = Closer(os.close, number)
    monkeypatch.setattr("os.close", closer)
    handed = Handed(number)
    assert closer.asked.wait(30)
    assert open_here(path) == 0
    assert not closer.answered.is_set()
    closer.answered.set()
    handed.close()


@pytest.mark.usefixtures("nothing_left")
def test_where_there_can_be_no_more_threads_it_is_closed_all_the_same(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    handed = Handed(opened(path))
    assert open_here(path) == 0
    handed.close()


@pytest.mark.usefixtures("nothing_left")
def test_what_nobody_keeps_is_dropped_and_what_is_kept_is_closed_once(path: Path) -> None:
    dropped, kept = (Handed(opened(path)) for _ in range(2))
    kept.keep()
    for one in (dropped, kept):
        one.drop()
    with pytest.raises(OSError, match="closed"):
        dropped.duplicate()
    os.close(kept.duplicate())
    kept.close()
    kept.close()
    with pytest.raises(OSError, match="closed"):
        kept.duplicate()


@pytest.mark.usefixtures("nothing_left")
def test_what_no_socket_takes_is_as_if_it_were_closed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.ETOOMANYREFS, "too many references")

    monkeypatch.setattr("socket.send_fds", refused)
    handed = Handed(opened(path))
    with pytest.raises(OSError, match="closed"):
        handed.duplicate()


@pytest.mark.usefixtures("nothing_left")
def test_a_socket_with_nothing_in_it_is_no_bundle() -> None:
    reading, writing = socket.socketpair()
    writing.close()
    with pytest.raises(Failed, match="without the descriptor"):
        taken_out({"fds": {"bundle": reading.detach()}}, "bundle")
