# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""rehash.py agrees with libostree's fsck about every object, whole or harmed."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from appctld.errors import RepoCorrupt
from appctld.workers.store.ostree import rehash
from appctld.workers.store.ostree.kinds import Kind, loose_path
from appctld.workers.store.ostree.objects import FileHead, regular, symlink
from appctld.workers.store.ostree.rehash import is_whole_file
from appctld.workers.store.ostree.repository import Repository

XATTRS = ((b"user.b", b"2"), (b"user.a", b"1"))
FILES: dict[str, tuple[FileHead, bytes]] = {
    "empty": (regular(0, 0, 0o644), b""),
    "with owner and mode": (regular(7, 8, 0o4755), b"content"),
    "with attributes": (regular(0, 0, 0o600, XATTRS), b"content"),
    "of many pieces": (regular(0, 0, 0o644), b"x" * 100_000),
}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository.open(tmp_path / "repo")


def stored(repository: Repository, head: FileHead, content: bytes) -> str:
    with repository.shared(), repository.transaction() as writer:
        return writer.file(head, len(content), [content] if content else [])


@pytest.mark.parametrize(("head", "content"), FILES.values(), ids=FILES)
def test_what_is_whole_hashes_to_its_name(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, head: FileHead, content: bytes
) -> None:
    monkeypatch.setattr(rehash, "_PIECE", 4096)
    name = stored(repository, head, content)
    assert is_whole_file(repository.directory, name)
    repository.library.fsck_object(Kind.FILE.library, name, None)


def test_a_symlink_is_left_to_libostree(repository: Repository) -> None:
    name = stored(repository, symlink(0, 0, "target"), b"")
    assert not is_whole_file(repository.directory, name)
    repository.verify(Kind.FILE, name)


def other_content(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1] + b"y")


def one_byte_more(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")


def other_attributes(path: Path) -> None:
    value = bytearray(os.getxattr(path, "user.ostreemeta"))
    value[3] ^= 1
    os.setxattr(path, "user.ostreemeta", bytes(value))


def unreadable_attributes(path: Path) -> None:
    os.setxattr(path, "user.ostreemeta", b"what")


def no_attributes(path: Path) -> None:
    os.removexattr(path, "user.ostreemeta")


def a_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def a_link_to_the_same(path: Path) -> None:
    copy = path.with_suffix(".copy")
    path.rename(copy)
    path.symlink_to(copy)


HARMS = (
    other_content, one_byte_more, other_attributes, unreadable_attributes, no_attributes, a_fifo,
    a_link_to_the_same, Path.unlink,
)  # fmt: skip


@pytest.mark.parametrize("harm", HARMS)
def test_what_is_harmed_is_corrupt(repository: Repository, harm: Callable[[Path], None]) -> None:
    name = stored(repository, *FILES["of many pieces"])
    path = repository.path / loose_path(Kind.FILE, name)
    path.chmod(0o644)
    repository.verify(Kind.FILE, name)
    harm(path)
    with pytest.raises(RepoCorrupt):
        repository.verify(Kind.FILE, name)
