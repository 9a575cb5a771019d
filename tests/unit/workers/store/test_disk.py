# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""disk.py: nothing is followed or overwritten, and what was said to be on the disk was synced."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from appctld.model.jsonvalue import JsonError
from appctld.workers.store import disk


@pytest.fixture
def within(tmp_path: Path) -> Iterator[int]:
    with disk.opened(tmp_path) as directory:
        yield directory


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What is synced, renamed and linked, in order, by inode of what it is done in."""
    done: list[tuple[str, int]] = []

    def noted(name: str, which: str) -> None:
        real = getattr(os, name)

        def call(*arguments: object, **named: object) -> object:
            descriptor = named[which] if which else arguments[0]
            done.append((name, os.fstat(int(str(descriptor))).st_ino))
            return real(*arguments, **named)

        monkeypatch.setattr(os, name, call)

    noted("fsync", "")
    noted("rename", "dst_dir_fd")
    return done


def test_a_record_is_synced(within: int, tmp_path: Path, synced: list[tuple[str, int]]) -> None:
    disk.write_json("f", {"a": 1}, within)
    assert synced == [("fsync", (tmp_path / "f").stat().st_ino)]


def test_the_directory_is_synced_after_the_rename_that_commits(
    within: int, tmp_path: Path, synced: list[tuple[str, int]]
) -> None:
    disk.point("one", within)
    inode = tmp_path.stat().st_ino
    assert synced == [("rename", inode), ("fsync", inode)]


def test_what_could_not_be_made_current_is_an_error_and_leaves_nothing(within: int, tmp_path: Path) -> None:
    (tmp_path / "current").mkdir()
    with pytest.raises(IsADirectoryError):
        disk.point("one", within)
    assert [path.name for path in tmp_path.iterdir()] == ["current"]


def test_a_record_that_is_there_is_not_written_over(within: int, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("f", "link"):
        with pytest.raises(FileExistsError):
            disk.write_json(name, {"a": 1}, within)
    assert (tmp_path / "f").read_text() == "old"
    assert not (tmp_path / "elsewhere").exists()


def test_a_record_that_lies_elsewhere_is_not_read(within: int, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("{}")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        disk.read_json("link", within)


def test_a_record_that_is_too_large_is_not_read(within: int, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"{}".ljust(disk.RECORD_BYTES))
    assert disk.read_json("f", within) == {}
    (tmp_path / "f").write_bytes(b"{}".ljust(disk.RECORD_BYTES + 1))
    with pytest.raises(JsonError):
        disk.read_json("f", within)


def test_a_name_that_leads_nowhere_is_taken(within: int, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    assert disk.exists("link", within)
    assert not disk.exists("nowhere", within)


def test_a_tree_with_closed_directories_is_removed(within: int, tmp_path: Path) -> None:
    below = tmp_path / "tree" / "closed" / "inner"
    below.mkdir(parents=True)
    (below / "f").write_text("x")
    (tmp_path / "outside").mkdir(mode=0o700)
    (below / "out").symlink_to(tmp_path / "outside")
    for path in (below, below.parent, below.parent.parent):
        path.chmod(0)
    disk.remove_tree("tree", within)
    assert [path.name for path in tmp_path.iterdir()] == ["outside"]
    assert (tmp_path / "outside").stat().st_mode & 0o777 == 0o700
