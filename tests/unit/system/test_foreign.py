# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Descriptors of callers are closed once, and who closes them does not wait."""

import os
import threading
from collections.abc import Callable

import pytest

from appctld.system.foreign import Foreign, Handed, close


def is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


class Closer:
    """Stands for close(2): of a file system that does not answer, until it does."""

    def __init__(self, really: Callable[[int], None]) -> None:
        self.asked = threading.Event()
        self.answered = threading.Event()
        self.done = threading.Event()
        self._close = really

    def __call__(self, number: int) -> None:
        self.asked.set()
        self.answered.wait(30)
        self._close(number)
        self.done.set()


@pytest.fixture
def closer(monkeypatch: pytest.MonkeyPatch) -> Closer:
    found = Closer(os.close)
    monkeypatch.setattr("os.close", found)
    return found


def test_who_closes_a_callers_descriptor_does_not_wait(closer: Closer) -> None:
    number = Foreign(os.open("/dev/null", os.O_RDONLY))
    close(number)
    assert closer.asked.wait(30)
    assert is_open(number)
    closer.answered.set()
    assert closer.done.wait(30)
    assert not is_open(number)


def test_our_own_are_closed_at_once(closer: Closer) -> None:
    closer.answered.set()
    number = os.open("/dev/null", os.O_RDONLY)
    close(number)
    assert not is_open(number)


def test_where_there_can_be_no_more_threads_it_is_closed_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    number = Foreign(os.open("/dev/null", os.O_RDONLY))
    close(number)
    assert not is_open(number)


def test_what_nobody_keeps_is_dropped_and_what_is_kept_is_closed_once(closer: Closer) -> None:
    dropped, kept = (Handed(os.open("/dev/null", os.O_RDONLY)) for _ in range(2))
    kept.keep()
    kept.drop()
    assert not closer.asked.is_set()
    os.fstat(kept.duplicate())
    dropped.drop()
    assert closer.asked.wait(30)
    closer.answered.set()
    assert closer.done.wait(30)
    closer.done.clear()
    kept.close()
    assert closer.done.wait(30)
    closer.asked.clear()
    kept.close()
    assert not closer.asked.wait(0.1)
    with pytest.raises(OSError, match="closed"):
        kept.duplicate()


def test_a_duplicate_is_foreign_too() -> None:
    handed = Handed(os.open("/dev/null", os.O_RDONLY))
    number = handed.duplicate()
    assert isinstance(number, Foreign)
    os.close(number)
    handed.close()
