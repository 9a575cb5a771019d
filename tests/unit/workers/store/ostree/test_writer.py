# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""writer.py: what is stored is what was hashed, spooled or not; limits and a full disk are told apart."""

import hashlib
import os
import re
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from appctld.errors import Failed, LimitExceeded, NoSpace, RepoCorrupt
from appctld.workers.store.ostree import writer as module
from appctld.workers.store.ostree.commit import Commit
from appctld.workers.store.ostree.kinds import Kind, loose_path
from appctld.workers.store.ostree.objects import checksum, regular, symlink
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.ostree.tree import DirTree

if TYPE_CHECKING:
    from gi.repository import OSTree

HEAD = regular(1, 2, 0o4751, [(b"user.note", b"x")])


@pytest.fixture(name="repository")
def _repository(tmp_path: Path) -> Iterator[Repository]:
    yield Repository.open(tmp_path / "repo")
    subprocess.run(["ostree", f"--repo={tmp_path / 'repo'}", "fsck", "--quiet"], check=True)


@pytest.mark.parametrize("small", [10, 1 << 20], ids=["spooled", "in memory"])
@pytest.mark.parametrize("pieces", [[b"hello ", b"wide ", b"world"], [b""] * 3, [b"x" * 100_000] * 7])
def test_content_is_stored_under_the_name_that_we_compute(
    repository: Repository, pieces: list[bytes], small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SMALL_FILE", small)
    size = sum(map(len, pieces))
    with repository.shared(), repository.transaction() as writer:
        name = writer.file(HEAD, size, iter(pieces))
        assert name == writer.file(HEAD, size, iter(pieces))
    assert name == checksum(HEAD, pieces)
    repository.verify(Kind.FILE, name)
    stored = repository.path / loose_path(Kind.FILE, name)
    assert stored.read_bytes() == b"".join(pieces)
    assert stored.stat().st_mode & 0o7777 == 0o555
    assert [path.name for path in (repository.path / "tmp").iterdir() if path.name != "cache"] == []


def test_a_symlink_is_stored(repository: Repository) -> None:
    head = symlink(3, 4, "../ü")
    with repository.shared(), repository.transaction() as writer:
        name = writer.file(head, 0)
    assert name == checksum(head)
    repository.verify(Kind.FILE, name)


class Watched:
    """libostree, and what it was asked to hash again."""

    def __init__(self, library: "OSTree.Repo") -> None:
        self._library = library
        self.hashed: list[str] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._library, name)

    def fsck_object(self, kind: "OSTree.ObjectType", name: str, cancellable: None) -> bool:
        self.hashed.append(name)
        return self._library.fsck_object(kind, name, cancellable)


@pytest.mark.parametrize("target", ["usr/bin", "ü", "x" * 4000])
def test_a_symlink_that_is_stored_as_it_was_left_is_not_hashed_again(
    repository: Repository, target: str
) -> None:
    head = symlink(0, 0, target)
    with repository.shared(), repository.transaction() as writer:
        name = writer.file(head, 0)
    library = Watched(repository.library)
    again = module.Writer(library, repository.path / "tmp")  # type: ignore[arg-type]
    assert again.file(head, 0) == name
    assert library.hashed == []
    os.utime(repository.path / loose_path(Kind.FILE, name), (5, 5))
    again = module.Writer(library, repository.path / "tmp")  # type: ignore[arg-type]
    assert again.file(head, 0) == name
    assert library.hashed == [name]


@pytest.mark.parametrize("small", [0, 1 << 20], ids=["spooled", "in memory"])
def test_content_of_another_size_than_promised_is_not_stored(
    repository: Repository, small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SMALL_FILE", small)
    for promised in (4, 6):
        with pytest.raises(Failed), repository.shared(), repository.transaction() as writer:
            writer.file(HEAD, promised, [b"hello"])


class Lying:
    """libostree, but it says that it stored something else."""

    def __init__(self, library: "OSTree.Repo") -> None:
        self._library = library

    def __getattr__(self, name: str) -> object:
        return getattr(self._library, name)

    def write_content(self, *_: object) -> tuple[bool, bytes]:
        return True, bytes(32)

    def write_metadata(self, *_: object) -> tuple[bool, bytes]:
        return True, bytes(32)


def test_libostree_must_have_computed_the_same(repository: Repository) -> None:
    writer = module.Writer(Lying(repository.library), repository.path / "tmp")  # type: ignore[arg-type]
    with pytest.raises(Failed, match="where we computed"):
        writer.file(HEAD, 1, [b"x"])
    with pytest.raises(Failed, match="where we computed"):
        writer.meta(0, 0, 0o755)


def test_nothing_in_the_stubs_takes_an_objects_name_on_faith() -> None:
    """R3: what is not in the stubs is a type error wherever it is called."""
    text = (Path(__file__).parents[5] / "stubs/gi/repository/OSTree.pyi").read_text()
    assert "def write_content(" in text
    assert not re.findall(r"def \w*(?:trusted|TRUSTED)\w*", text)


def test_the_reserve_counts_for_every_object(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    free = [3 * 4096 + 20]
    monkeypatch.setattr(module.Writer, "_free", lambda _: free[0])
    with repository.shared(), repository.transaction() as writer:
        writer.file(HEAD, 1, [b"1"])
        writer.file(HEAD, 1, [b"2"])
        free[0] -= 2 * 4096 + 2
        writer.file(HEAD, 1, [b"3"])
        free[0] -= 4096 + 1
        with pytest.raises(NoSpace) as raised:
            writer.file(HEAD, 1, [b"4"])
        assert raised.value.data["bytes_needed"] == 4096 + 1 - free[0]
        with pytest.raises(NoSpace):
            writer.file(HEAD, 2 << 20, iter([b"x" * (2 << 20)]))
        with pytest.raises(NoSpace):
            writer.meta(0, 0, 0o711)
        writer.file(HEAD, 1, [b"1"])  # it is there already


def test_xattrs_that_the_file_system_does_not_hold_are_a_limit(repository: Repository) -> None:
    """Whatever it holds (4,000 bytes on ext4, never more than 64 KiB), the disk is not full."""
    head = regular(0, 0, 0o644, [(b"user.a", b"x" * 70_000)])
    with pytest.raises(LimitExceeded), repository.shared(), repository.transaction() as writer:
        writer.file(head, 0)


def test_metadata_that_libostree_would_not_read_back_is_refused(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "METADATA_BYTES", 1000)
    names = {f"{number:03}": hashlib.sha256(b"").hexdigest() for number in range(30)}
    with repository.shared(), repository.transaction() as writer:
        with pytest.raises(LimitExceeded):
            writer.tree(DirTree(names))
        with pytest.raises(LimitExceeded):
            writer.commit(Commit("a" * 64, "b" * 64, 0, {"x": "y" * 1000}))


def test_what_settle_cannot_find_is_corrupt(repository: Repository) -> None:
    with pytest.raises(RepoCorrupt), repository.shared(), repository.transaction() as writer:
        writer.keep(Kind.FILE, "a" * 64)


def test_a_stored_object_is_not_written_again(repository: Repository) -> None:
    def inodes() -> list[int]:
        with repository.shared(), repository.transaction() as writer:
            both = (Kind.FILE, writer.file(HEAD, 1, [b"x"])), (Kind.DIRMETA, writer.meta(0, 0, 0o700))
        return [found.st_ino for kind, name in both if (found := repository.stat(kind, name))]

    first = inodes()
    assert len(first) == 2
    assert inodes() == first


def test_metadata_that_lies_elsewhere_is_replaced_by_a_file(repository: Repository) -> None:
    """A symlink to the right bytes is right only as long as the owner of those wants."""
    with repository.shared(), repository.transaction() as writer:
        name = writer.meta(0, 0, 0o700)
    place = repository.path / loose_path(Kind.DIRMETA, name)
    place.rename(repository.path / "elsewhere")
    place.symlink_to(repository.path / "elsewhere")
    with repository.shared(), repository.transaction() as writer:
        assert writer.meta(0, 0, 0o700) == name
    assert not place.is_symlink()
    assert repository.meta(name).mode == stat.S_IFDIR | 0o700
