# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""system/pump.py with stock programs: bytes in, bytes out, an exit status, a deadline."""

import asyncio
import gzip
import os

import pytest

from appctld.errors import Failed, LimitExceeded
from appctld.system.pipes import memory_file
from appctld.system.pump import pump

pytestmark = pytest.mark.usefixtures("nothing_stays")

LONG = 60.0


def through(argv: tuple[str, ...], data: bytes, deadline: float = LONG) -> tuple[int, bytes]:
    """The exit status and the output of `argv` with `data` as its input."""
    source, sink = memory_file("source", data), os.memfd_create("sink")
    kept = os.dup(sink)
    try:
        status = asyncio.run(pump(argv, source=source, sink=sink, deadline=deadline, what="the decoder"))
        return status, os.pread(kept, 1 << 20, 0)
    finally:
        os.close(kept)


def test_bytes_go_in_and_come_out() -> None:
    assert through(("gzip", "-dc"), gzip.compress(b"layer" * 1000)) == (0, b"layer" * 1000)


def test_the_exit_status_tells_of_truncated_input() -> None:
    status, _ = through(("gzip", "-dc"), gzip.compress(os.urandom(10_000))[:-100])
    assert status == 1


def test_a_signal_is_a_negative_status() -> None:
    assert through(("sh", "-c", "kill -9 $$"), b"")[0] == -9


def test_a_program_that_hangs_is_ended_at_the_deadline() -> None:
    with pytest.raises(LimitExceeded, match=r"the decoder took longer than 0\.2 s"):
        through(("sleep", "1000"), b"", deadline=0.2)


def test_a_program_that_is_not_there_is_our_failure() -> None:
    with pytest.raises(Failed, match="no-such-program"):
        through(("no-such-program",), b"")
