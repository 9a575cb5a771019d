# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""system/durable.py: whole or not at all, and synced in the order that a power cut asks for."""

import os
from pathlib import Path

import pytest

from appctld.system.durable import (
    append_line,
    make_directories,
    remove_file,
    sweep,
    sync_directory,
    write_file,
)
from support.descriptors import open_descriptors


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What reaches the disk, in order: the names that are synced, and the renames."""
    found: list[str] = []
    real_sync, real_replace = os.fsync, Path.replace

    def shown(path: Path) -> str:
        name = "DIR" if path == tmp_path else path.name
        return "TEMPORARY" if name.startswith(".") else name

    def sync(number: int) -> None:
        found.append(f"sync {shown(Path(f'/proc/self/fd/{number}').readlink())}")
        real_sync(number)

    def replace(self: Path, target: Path) -> Path:
        found.append(f"rename {shown(self)} {shown(target)}")
        return real_replace(self, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "replace", replace)
    return found


def test_a_file_is_synced_before_its_rename_and_its_directory_after(tmp_path: Path, steps: list[str]) -> None:
    write_file(tmp_path / "record", b"facts")
    assert (tmp_path / "record").read_bytes() == b"facts"
    assert steps == ["sync TEMPORARY", "rename TEMPORARY record", "sync DIR"]


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    (tmp_path / "record").write_bytes(b"old")
    old = (tmp_path / "record").open("rb")
    write_file(tmp_path / "record", b"new")
    with old:
        assert old.read() == b"old", "the old file was written into"
    assert (tmp_path / "record").read_bytes() == b"new"


def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "record").write_bytes(b"old")
    before = open_descriptors()

    def full(_number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_file(tmp_path / "record", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["record"]
    assert (tmp_path / "record").read_bytes() == b"old"
    assert open_descriptors() == before


def test_a_link_is_replaced_never_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"theirs")
    (tmp_path / "record").symlink_to("elsewhere")
    write_file(tmp_path / "record", b"ours")
    assert (tmp_path / "elsewhere").read_bytes() == b"theirs"
    assert not (tmp_path / "record").is_symlink()


@pytest.mark.parametrize(("mode", "expected"), [(0o600, 0o600), (0o644, 0o644)])
def test_the_mode_is_the_one_asked_for(tmp_path: Path, mode: int, expected: int) -> None:
    previous = os.umask(0)
    try:
        write_file(tmp_path / "record", b"x", mode)
    finally:
        os.umask(previous)
    assert (tmp_path / "record").stat().st_mode & 0o777 == expected


def test_a_removal_is_synced(tmp_path: Path, steps: list[str]) -> None:
    (tmp_path / "record").write_bytes(b"x")
    remove_file(tmp_path / "record")
    remove_file(tmp_path / "record")
    assert not (tmp_path / "record").exists()
    assert steps == ["sync DIR", "sync DIR"]


def test_a_log_grows_by_lines_and_its_first_line_makes_its_name_durable(
    tmp_path: Path, steps: list[str]
) -> None:
    append_line(tmp_path / "log", b"one")
    append_line(tmp_path / "log", b"two")
    assert (tmp_path / "log").read_bytes() == b"one\ntwo\n"
    assert steps == ["sync log", "sync DIR", "sync log"]


def test_a_line_that_a_crash_left_unfinished_spoils_no_other(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"one\ntw")
    append_line(tmp_path / "log", b"three")
    assert (tmp_path / "log").read_bytes() == b"one\ntw\nthree\n"


def test_a_log_is_for_its_owner_alone(tmp_path: Path) -> None:
    append_line(tmp_path / "log", b"one")
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


def test_a_log_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"")
    (tmp_path / "log").symlink_to("elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        append_line(tmp_path / "log", b"one")
    assert (tmp_path / "elsewhere").read_bytes() == b""


def test_every_new_directory_is_durable_in_its_parent(tmp_path: Path, steps: list[str]) -> None:
    make_directories(tmp_path / "a" / "b")
    make_directories(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    assert steps == ["sync DIR", "sync a"]


def test_a_file_in_the_place_of_a_directory_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(FileExistsError):
        make_directories(tmp_path / "a")


def test_only_a_directory_is_synced_as_one(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(NotADirectoryError):
        sync_directory(tmp_path / "a")


def test_what_an_interrupted_write_left_is_swept_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_self: Path, _target: Path) -> None:
        os._exit(0)

    monkeypatch.setattr(Path, "replace", killed)
    child = os.fork()
    if child == 0:
        write_file(tmp_path / "record.json", b"facts")
    os.waitpid(child, 0)
    others = {".hidden", "record.json", ".record.json.0123456789a", "record.json.0123456789ab"}
    for name in others:
        (tmp_path / name).write_text("x")
    (tmp_path / ".directory.0123456789ab").mkdir()
    assert len(list(tmp_path.iterdir())) == len(others) + 2
    sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == others | {".directory.0123456789ab"}
