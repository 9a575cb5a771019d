# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A bundle that comes through a pipe is kept, within limits; a file is left where it is."""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from appctld.errors import InvalidReference, LimitExceeded, NoSpace
from appctld.model.jsonvalue import JsonObject
from appctld.workers.fetch.layout import spool as module
from appctld.workers.fetch.layout.spool import spool


@pytest.fixture
def sink(tmp_path: Path, nothing_stays: None) -> Path:
    (tmp_path / "kept").touch()
    return tmp_path / "kept"


def kept(source: int, sink: Path) -> JsonObject:
    """The worker's answer; it closes what it was given."""
    return spool({"fds": {"bundle": source, "out": os.open(sink, os.O_WRONLY)}}, lambda _: None)


@contextlib.contextmanager
def written(data: bytes, *, blocking: bool = True) -> Iterator[int]:
    """The end of a pipe, for a worker, that somebody writes into."""
    reader, writer = os.pipe()
    os.set_blocking(reader, blocking)

    def write() -> None:
        with contextlib.suppress(BrokenPipeError), os.fdopen(writer, "wb") as file:
            file.write(data)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield reader
    finally:
        thread.join()


def kept_of(data: bytes, sink: Path, *, blocking: bool = True) -> JsonObject:
    """The worker's answer to what comes through a pipe."""
    with written(data, blocking=blocking) as reader:
        return kept(reader, sink)


@pytest.mark.parametrize("blocking", [True, False])
def test_what_comes_through_a_pipe_is_kept(blocking: bool, sink: Path) -> None:  # noqa: FBT001
    data = os.urandom(3_000_000)
    assert kept_of(data, sink, blocking=blocking) == {"spooled": True, "size": len(data)}
    assert sink.read_bytes() == data


def test_a_file_is_left_where_it_is(sink: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    assert kept(os.open(tmp_path / "file", os.O_RDONLY), sink) == {"spooled": False, "size": 5}
    assert sink.read_bytes() == b""


def test_no_more_than_the_limit(sink: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SPOOL_BYTES", 100_000)
    assert kept_of(bytes(100_000), sink)["size"] == 100_000
    with pytest.raises(LimitExceeded, match="a bundle of more than 100000 bytes"):
        kept_of(bytes(100_001), sink)


def test_the_last_of_the_disk_is_not_taken(sink: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fstatvfs", lambda _: SimpleNamespace(f_bavail=29, f_blocks=1000))
    with pytest.raises(NoSpace, match="less than 3 %"):
        kept_of(b"x", sink)
    assert sink.read_bytes() == b""
    monkeypatch.setattr("os.fstatvfs", lambda _: SimpleNamespace(f_bavail=30, f_blocks=1000))
    assert kept_of(b"x", sink)["size"] == 1


def test_a_disk_that_is_full_all_the_same_is_said(nothing_stays: None) -> None:
    with pytest.raises(NoSpace, match="cannot be kept: No space left"):
        kept_of(b"x", Path("/dev/full"))


def test_a_writer_that_stops_is_given_up(sink: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STALL_SECONDS", 0.2)
    reader, writer = os.pipe()
    os.write(writer, b"x")
    with pytest.raises(LimitExceeded, match=r"wrote nothing for 0\.2 s"):
        kept(reader, sink)
    os.close(writer)


def test_what_is_neither_a_file_nor_a_pipe_that_can_be_read(sink: Path, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    (tmp_path / "file").touch()
    for number in (
        writer,
        os.open("/dev/zero", os.O_RDONLY),
        os.open(tmp_path, os.O_RDONLY),
        os.open(tmp_path / "file", os.O_WRONLY),
        os.open(tmp_path / "file", os.O_PATH),
        os.open("/dev/null", os.O_RDWR),
    ):
        with pytest.raises(InvalidReference, match="a file or a pipe that can be read"):
            kept(number, sink)
    os.close(reader)
