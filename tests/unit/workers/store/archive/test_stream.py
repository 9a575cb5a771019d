# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""stream.py and hashing.py: what is given, what is hashed, and where it ends."""

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appctld.errors import DigestMismatch, LimitExceeded
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonObject
from appctld.workers.store.archive import hashing, stream
from appctld.workers.store.archive.hashing import Hashing
from appctld.workers.store.archive.stream import CHUNK, RECORD, Stream

SIZES = [0, 1, 511, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 9 * CHUNK + 7]


def made(size: int) -> bytes:
    return (bytes(range(251)) * (size // 251 + 1))[:size]


@contextmanager
def sent(data: bytes, limit: int | None = None) -> Iterator[Stream]:
    """The bytes through a pipe, as from a decoder: they come as the reader takes them."""
    reading, writing = os.pipe()

    def send() -> None:
        with os.fdopen(writing, "wb", buffering=0) as pipe:
            for at in range(0, len(data), 70_001):
                try:
                    pipe.write(data[at : at + 70_001])
                except BrokenPipeError:
                    return

    sender = threading.Thread(target=send)
    sender.start()
    try:
        with Stream(reading, len(data) if limit is None else limit, lambda _: None) as source:
            yield source
    finally:
        sender.join()


@pytest.mark.parametrize("size", SIZES)
def test_everything_is_given_once_and_hashed(size: int) -> None:
    data = made(size)
    with sent(data) as source:
        assert b"".join(iter(lambda: source.read(100_003), b"")) == data
        assert (source.count, source.left) == (size, 0)
        assert source.digest.hex == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("size", SIZES)
def test_what_is_drained_counts_and_is_hashed(size: int) -> None:
    with sent(made(size)) as source:
        source.drain()
        assert source.count == size
        assert source.digest.hex == hashlib.sha256(made(size)).hexdigest()


@pytest.mark.parametrize("size", [1024, RECORD - 512, RECORD + 512, CHUNK, 3 * CHUNK + 512])
def test_zeros_that_a_writer_left_out_of_the_last_record_are_given(size: int) -> None:
    whole = made(size) + bytes(-size % RECORD)
    with sent(made(size), limit=1 << 30) as source:
        source.expect(Digest.of(whole))
        assert b"".join(source.rest()) == whole
        assert source.count == len(whole)
        assert source.digest == Digest.of(whole)
        source.check()
        assert not source.some(1)


OTHERWISE = {
    "one that is whole": (made(1024), made(1024), 1 << 30),
    "one of whole records": (made(2 * RECORD), made(2 * RECORD) + bytes(RECORD), 1 << 30),
    "another record's": (made(1024), made(1024) + bytes(2 * RECORD - 1024), 1 << 30),
    "other bytes": (made(1024), made(1024) + bytes(RECORD - 1025) + b"x", 1 << 30),
    "more than the limit": (made(1024), made(1024) + bytes(RECORD - 1024), RECORD - 1),
}


@pytest.mark.parametrize(("data", "wanted", "limit"), OTHERWISE.values(), ids=OTHERWISE)
def test_no_other_zeros_are_given(data: bytes, wanted: bytes, limit: int) -> None:
    with sent(data, limit) as source:
        source.expect(Digest.of(wanted))
        assert b"".join(source.rest()) == data
        assert (source.count, source.digest) == (len(data), Digest.of(data))
        if wanted != data:
            with pytest.raises(DigestMismatch, match=f"{Digest.of(data)}, not {Digest.of(wanted)}"):
                source.check()


def test_nothing_is_added_where_nobody_says_what_is_expected() -> None:
    with sent(made(1024)) as source:
        source.drain()
        assert source.count == 1024


@pytest.mark.parametrize(("size", "called"), [(0, 0), (CHUNK, 0), (CHUNK + 1, 1), (5 * CHUNK, 1)])
def test_that_there_is_much_is_told_once_before_a_thread_hashes(size: int, called: int) -> None:
    calls: list[bool] = []
    with sent(made(size)) as source:
        source.when_large(lambda: calls.append(any(t.name == "hashing" for t in threading.enumerate())))
        source.drain()
        assert calls == [False] * called
        assert source.digest.hex == hashlib.sha256(made(size)).hexdigest()


FAULTS = """
import os, resource, sys
from appctld.workers.store.archive.stream import Stream
with Stream(os.open(sys.argv[1], os.O_RDONLY), 1 << 40, lambda _: None) as stream:
    stream.drain()
    stream.digest
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


def test_a_longer_stream_takes_no_more_memory_from_the_kernel(tmp_path: Path) -> None:
    """A page fault for each 4 KiB of each piece costs more than hashing it."""
    found = []
    for mebibytes in (50, 250):
        (tmp_path / "tar").touch()
        os.truncate(tmp_path / "tar", mebibytes << 20)
        command = [sys.executable, "-c", FAULTS, str(tmp_path / "tar")]
        found.append(int(subprocess.run(command, check=True, capture_output=True).stdout))
    assert found[1] - found[0] < 200 * 256 // 50  # a fiftieth of what all pieces have


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 40)), max_size=30), st.integers(0, 100))
def test_both_ways_of_reading_take_turns(steps: list[tuple[bool, int]], size: int) -> None:
    data, given = made(size), b""
    with pytest.MonkeyPatch.context() as patch, sent(data) as source:
        patch.setattr(stream, "CHUNK", 16)
        for whole, length in steps:
            piece = source.read(length) if whole else bytes(source.some(length))
            expected = data[len(given) : len(given) + length]
            assert piece == (expected if whole else expected[: max(1, len(piece))])
            given += piece
            assert source.count == len(given)
        source.drain()
        assert source.digest.hex == hashlib.sha256(data).hexdigest()


def test_what_was_given_stays_as_it_was(tmp_path: Path) -> None:
    """A reader may hold on to a view while the stream goes on."""
    data = made(12 * CHUNK)
    with sent(data) as source:
        held = list(iter(lambda: source.some(CHUNK // 2), memoryview(b"")))
        assert b"".join(held) == data


@pytest.mark.parametrize("limit", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK])
@pytest.mark.parametrize("step", [1000, CHUNK, 4 * CHUNK])
def test_up_to_the_limit_everything_is_given_and_nothing_beyond(limit: int, step: int) -> None:
    def take(source: Stream) -> int:
        given = 0
        while data := source.some(step):
            given += len(data)
            assert given <= limit
        return given

    with sent(made(limit)) as source:
        assert take(source) == limit
    with sent(made(limit + 1), limit) as source, pytest.raises(LimitExceeded):
        take(source)
    with sent(made(limit + 1), limit) as source, pytest.raises(LimitExceeded):
        source.read(limit + 1)


def test_progress_is_told_of_pieces_not_of_reads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(stream, "_REPORT_SECONDS", 0.0)
    file, told = tmp_path / "data", list[JsonObject]()
    file.write_bytes(made(2 * CHUNK + 5))
    with Stream(os.open(file, os.O_RDONLY), 1 << 30, told.append) as source:
        for _ in iter(lambda: source.read(5000), b""):
            pass
    assert sorted({int(str(facts["bytes"])) for facts in told}) == [CHUNK, 2 * CHUNK, 2 * CHUNK + 5]
    assert len(told) < 7


def test_of_the_first_piece_is_told_at_once(tmp_path: Path) -> None:
    """Else a line that falls silent in the first moment seems to have brought nothing."""
    file, told = tmp_path / "data", list[JsonObject]()
    file.write_bytes(made(CHUNK + 5))
    with Stream(os.open(file, os.O_RDONLY), 1 << 30, told.append) as source:
        source.read(1)
        assert told == [{"bytes": CHUNK}]


def test_no_thread_is_left_whatever_happens() -> None:
    before = threading.active_count()
    with pytest.raises(LimitExceeded), sent(made(6 * CHUNK), 5 * CHUNK) as source:
        source.read(6 * CHUNK)
    assert threading.active_count() == before


def test_the_thread_has_ended_once_it_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who ends the process right after it must not meet it inside OpenSSL."""
    hashed, ended = Hashing(), list[int]()
    run = hashed._run

    def late() -> None:
        run()
        time.sleep(0.05)
        ended.append(1)

    monkeypatch.setattr(hashed, "_run", late)
    for _ in range(3):
        hashed.update(b"x")
    hashed.close()
    assert ended


def test_a_digest_may_be_asked_for_on_the_way_and_after_the_end() -> None:
    hashed = Hashing()
    for count in range(1, 4):
        hashed.update(b"x")
        assert hashed.hexdigest() == hashlib.sha256(b"x" * count).hexdigest()
    hashed.close()
    assert hashed.hexdigest() == hashlib.sha256(b"xxx").hexdigest()


def test_only_so_many_pieces_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that does not get on holds up whoever reads, instead of letting memory grow."""
    gate, reached = threading.Event(), threading.Event()
    hashed = Hashing()
    run = hashed._run
    monkeypatch.setattr(hashed, "_run", lambda: gate.wait() and run())

    def fill() -> None:
        for _ in range(hashing.WAITING + 1):
            hashed.update(b"x")
        reached.set()
        hashed.update(b"x")

    filling = threading.Thread(target=fill)
    filling.start()
    reached.wait()
    filling.join(0.1)
    assert filling.is_alive()
    gate.set()
    filling.join()
    hashed.close()
    assert hashed.hexdigest() == hashlib.sha256(b"x" * (hashing.WAITING + 2)).hexdigest()
