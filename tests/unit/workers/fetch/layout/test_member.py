# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A range of a file is read to its end and no further, whatever becomes of the file meanwhile."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from appctld.errors import LimitExceeded
from appctld.workers.fetch.layout.directory import Directory
from appctld.workers.fetch.layout.member import CHUNK_BYTES, Member, read_file

SIZE = 4 * CHUNK_BYTES


@pytest.fixture
def file(tmp_path: Path, nothing_stays: None) -> Path:
    (tmp_path / "file").write_bytes(bytes(SIZE))
    return tmp_path / "file"


@pytest.fixture
def member(file: Path) -> Iterator[Member]:
    with Member("file", os.open(file, os.O_RDONLY), 0, SIZE, owns=True) as found:
        yield found


def test_a_range_is_read_where_it_lies(file: Path) -> None:
    file.write_bytes(b"0123456789")
    descriptor = os.open(file, os.O_RDONLY)
    with Member("part", descriptor, 3, 4, owns=False) as member:
        assert member.read(4) == b"3456"
        assert member.read(100) == b"3456"
    os.close(descriptor)


def test_more_than_the_limit_is_refused_before_any_of_it(member: Member) -> None:
    with pytest.raises(LimitExceeded, match="file has 1048576 bytes, and may have 1048575"):
        next(member.chunks(SIZE - 1))


def test_one_that_shrinks_gives_what_is_left(member: Member, file: Path) -> None:
    chunks = member.chunks(SIZE)
    first = next(chunks)
    os.truncate(file, SIZE // 2)
    assert len(first) + sum(map(len, chunks)) == SIZE // 2


def test_one_that_grows_gives_no_more_than_it_had(member: Member, file: Path) -> None:
    chunks = member.chunks(SIZE)
    first = next(chunks)
    os.truncate(file, 1 << 40)
    assert len(first) + sum(map(len, chunks)) == SIZE


def test_a_small_file_or_none(file: Path) -> None:
    files = Directory(file.parent)
    assert read_file(files, SIZE, "file") == bytes(SIZE)
    assert read_file(files, SIZE, "nothing") is None
    with pytest.raises(LimitExceeded):
        read_file(files, SIZE - 1, "file")
