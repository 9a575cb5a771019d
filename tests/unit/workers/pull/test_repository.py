# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The quarantine: what is read back from it."""

from pathlib import Path

import pytest

from appctld.errors import InvalidReference, LimitExceeded
from appctld.workers.pull.repository import Kind, Repository
from appctld.workers.pull.source import Source

COMMIT = "0123456789abcdef" * 4


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository.create(Source(tmp_path, "file:///nowhere", None, None, None, None), None)


def put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def test_what_is_not_there_is_none(repository: Repository) -> None:
    assert repository.read(Kind.COMMIT, COMMIT, 10) is None


def test_no_more_is_read_than_is_allowed(repository: Repository, tmp_path: Path) -> None:
    put(tmp_path / Kind.COMMIT.path(COMMIT), b"x" * 10)
    assert repository.read(Kind.COMMIT, COMMIT, 10) == b"x" * 10
    with pytest.raises(LimitExceeded):
        repository.read(Kind.COMMIT, COMMIT, 9)


def test_no_symlink_is_followed(repository: Repository, tmp_path: Path) -> None:
    put(tmp_path / "secret", b"x")
    path = tmp_path / Kind.COMMIT.path(COMMIT)
    path.parent.mkdir()
    path.symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="symbolic links"):
        repository.read(Kind.COMMIT, COMMIT, 10)


def test_a_ref_names_a_commit(repository: Repository, tmp_path: Path) -> None:
    put(tmp_path / "refs/remotes/origin/a/b", COMMIT.encode() + b"\n")
    assert repository.resolve("a/b") == COMMIT
    put(tmp_path / "refs/remotes/origin/a/b", b"../../config\n")
    with pytest.raises(InvalidReference):
        repository.resolve("a/b")
