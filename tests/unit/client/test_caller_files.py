# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The caller's files: none is waited for, none read without a bound; a new one is whole, or not there."""

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from appctl.caller_files import everything_below, open_regular, read_bounded, replace_file

LIMIT = 10


@pytest.fixture
def full() -> Iterator[None]:
    """No file may have more than LIMIT bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_of_just_the_limit_is_read_and_a_larger_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * LIMIT)
    assert read_bounded(path, LIMIT) == b"x" * LIMIT
    path.write_bytes(b"x" * (LIMIT + 1))
    with pytest.raises(OSError, match=f"more than {LIMIT} bytes"):
        read_bounded(path, LIMIT)


def test_a_fifo_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OSError, match="no regular file"):
        open_regular(tmp_path / "fifo")


def test_a_device_that_never_ends_is_refused() -> None:
    with pytest.raises(OSError, match="no regular file"):
        read_bounded("/dev/zero", LIMIT)


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_a_new_file_is_of_the_mode_that_was_meant(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        replace_file(tmp_path / "file", b"new", 0o640)
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o7777 == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_it_is_on_the_disk_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    synced: list[tuple[int, int, bytes]] = []
    monkeypatch.setattr(
        os,
        "fsync",
        lambda number: synced.append((os.fstat(number).st_ino, os.fstat(number).st_size, path.read_bytes())),
    )
    replace_file(path, b"newer", 0o600)
    assert synced == [(path.stat().st_ino, len(b"newer"), b"old")]


def test_what_cannot_be_written_leaves_the_old_one_and_no_other(tmp_path: Path, full: None) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(OSError, match="File too large"):
        replace_file(path, b"x" * (LIMIT + 1), 0o600)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_lies_below_ends_at_a_link_and_at_what_cannot_be_read(tmp_path: Path) -> None:
    for place in ("top/deep", "top/closed/in", "beside/in"):
        (tmp_path / place).mkdir(parents=True)
    (tmp_path / "top/deep/file").write_text("")
    (tmp_path / "top/deep/out").symlink_to(tmp_path / "beside")
    (tmp_path / "top/deep/up").symlink_to("..")
    (tmp_path / "top/closed").chmod(0)
    try:
        seen = sorted(entry.name for entry in everything_below(tmp_path / "top"))
    finally:
        (tmp_path / "top/closed").chmod(0o700)
    hidden = ["in"] if os.geteuid() == 0 else []
    assert seen == sorted(["closed", "deep", "file", "out", "up", *hidden])
    assert list(everything_below(tmp_path / "absent")) == []
