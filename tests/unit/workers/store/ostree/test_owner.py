# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""owner.py: another program's repository is refused, and stays as it is; ours is known by its mark."""

import errno
import os
import subprocess
from pathlib import Path

import pytest

from appctld.errors import RepoCorrupt, from_wire
from appctld.workers.store.ostree.owner import is_to_be_made
from appctld.workers.store.ostree.repository import Repository


def made(path: Path, mode: str) -> dict[str, tuple[int, int]]:
    """A repository of the ostree command's, with a commit in it that has no ref."""
    subprocess.run(["ostree", f"--repo={path}", "init", f"--mode={mode}"], check=True)
    orphan = ["commit", "--orphan", "--tree=dir=/usr/share/base-files", "--subject=x"]
    subprocess.run(["ostree", f"--repo={path}", *orphan], check=True, capture_output=True)
    return everything(path)


def everything(path: Path) -> dict[str, tuple[int, int]]:
    """Every name below, with what tells a change."""
    found = {str(item): item.lstat() for item in (path, *path.rglob("*"))}
    return {name: (status.st_mtime_ns, status.st_ino) for name, status in found.items()}


@pytest.mark.parametrize("mode", ["archive", "bare-user-only", "bare-user"])
def test_another_programs_repository_is_refused_and_not_touched(tmp_path: Path, mode: str) -> None:
    before = made(tmp_path, mode)
    with pytest.raises(RepoCorrupt, match="is another program's repository") as raised:
        Repository.open(tmp_path)
    assert raised.value.advice == "move it away, then: appctl repair"
    assert from_wire(raised.value.to_wire()).advice == raised.value.advice
    assert everything(tmp_path) == before


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("no configuration", "/config cannot be read: Key file contains line"),
        ("[core]\nrepo_version=1\n", r"is another program's repository \(its mode is not said\)"),
    ],
)
def test_a_configuration_that_says_nothing_is_nobodys(tmp_path: Path, config: str, says: str) -> None:
    (tmp_path / "config").write_text(config)
    with pytest.raises(RepoCorrupt, match=says) as raised:
        Repository.open(tmp_path)
    assert raised.value.advice == "move it away, then: appctl repair"


def test_where_there_is_none_one_is_made_and_made_once(tmp_path: Path) -> None:
    Repository.open(tmp_path)
    before = (tmp_path / "config").stat()
    Repository.open(tmp_path)
    assert (tmp_path / "config").stat() == before


def test_one_whose_making_was_cut_off_is_made_to_its_end(tmp_path: Path) -> None:
    subprocess.run(["ostree", f"--repo={tmp_path}", "init", "--mode=bare-user"], check=True)
    Repository.open(tmp_path)
    assert "\nappctl-format=1\n" in (tmp_path / "config").read_text()
    (tmp_path / "objects/00").mkdir()
    (tmp_path / "objects/00/00.file").touch()
    Repository.open(tmp_path)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO])
def test_one_that_cannot_be_opened_now_is_not_called_corrupt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refused(_path: Path) -> bytes:
        raise OSError(number, os.strerror(number))

    (tmp_path / "config").write_text("[core]\nmode=bare-user\n")
    monkeypatch.setattr(Path, "read_bytes", refused)
    with pytest.raises(OSError, match=os.strerror(number)):
        is_to_be_made(tmp_path)
