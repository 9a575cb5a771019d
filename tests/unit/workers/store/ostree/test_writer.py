# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""writer.py: what is stored is what was hashed, whole or streamed; what is here is right, or replaced.

Against libostree's own writer: test_writer_oracle.py. A full disk, kills, neighbours: test_writer_faults.py.
"""

import hashlib
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appctld.errors import Failed, LimitExceeded, NoSpace, RepoCorrupt
from appctld.workers.store import disk
from appctld.workers.store.ostree import writer as module
from appctld.workers.store.ostree.commit import Commit
from appctld.workers.store.ostree.kinds import Kind, loose_path
from appctld.workers.store.ostree.objects import checksum, regular, symlink
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.ostree.tree import DirTree, serialize_dirmeta
from support.repositories.fsck import fsck

HEAD = regular(1, 2, 0o4751, [(b"user.note", b"x")])
LINK = symlink(3, 4, "../ü")
CONTENT = b"hello world"


@pytest.fixture(name="repository")
def _repository(tmp_path: Path) -> Iterator[Repository]:
    repository = Repository.open(tmp_path / "repo")
    yield repository
    fsck(repository.path)
    assert {path.name for path in (repository.path / "tmp").iterdir()} <= {"cache"}


@pytest.fixture(params=["whole", "streamed"])
def _either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files are hashed, then written; large ones are written as they come."""
    if request.param == "streamed":
        monkeypatch.setattr(module, "SMALL_FILE", 3)


def store(repository: Repository) -> Path:
    """Store CONTENT; its object."""
    with repository.shared(), repository.transaction() as writer:
        name = writer.file(HEAD, len(CONTENT), [CONTENT])
    return repository.path / loose_path(Kind.FILE, name)


# --- content ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_either_way")
@pytest.mark.parametrize("pieces", [[b"hello ", b"wide ", b"world"], [b""] * 3, [b"x" * 100_000] * 7])
def test_content_is_stored_under_the_name_that_we_compute(
    repository: Repository, pieces: list[bytes]
) -> None:
    size = sum(map(len, pieces))
    with repository.shared(), repository.transaction() as writer:
        name = writer.file(HEAD, size, iter(pieces))
        assert name == writer.file(HEAD, size, iter(pieces))
        assert writer.written == 1
    assert name == checksum(HEAD, pieces)
    repository.verify(Kind.FILE, name)
    object_ = repository.path / loose_path(Kind.FILE, name)
    assert object_.read_bytes() == b"".join(pieces)
    assert object_.stat().st_mode == stat.S_IFREG | 0o555
    assert object_.stat().st_mtime_ns == 0


def test_a_symlink_is_stored(repository: Repository) -> None:
    with repository.shared(), repository.transaction() as writer:
        name = writer.file(LINK, 0)
    assert name == checksum(LINK)
    repository.verify(Kind.FILE, name)
    assert (repository.path / loose_path(Kind.FILE, name)).stat().st_mode == stat.S_IFREG | 0o444


@pytest.mark.usefixtures("_either_way")
def test_a_piece_may_be_overwritten_once_the_next_is_asked_for(repository: Repository) -> None:
    def pieces() -> Iterator[memoryview]:
        buffer = bytearray(4)
        for text in (b"abcd", b"efgh", b"ijkl"):
            buffer[:] = text
            yield memoryview(buffer)

    with repository.shared(), repository.transaction() as writer:
        name = writer.file(HEAD, 12, pieces())
    assert name == checksum(HEAD, [b"abcdefghijkl"])
    repository.verify(Kind.FILE, name)


@pytest.mark.usefixtures("_either_way")
@pytest.mark.parametrize("pieces", [[b"hello"], [b"he", b"llo"], [b"hell", b"o"], [b"", b"hello"]])
@pytest.mark.parametrize("promised", [4, 6])
def test_content_of_another_size_than_promised_is_not_stored(
    repository: Repository, promised: int, pieces: list[bytes]
) -> None:
    with repository.shared(), repository.transaction() as writer:
        with pytest.raises(Failed, match=f"of {promised} bytes came as"):
            writer.file(HEAD, promised, pieces)
        assert writer.written == 0
    assert list(repository.path.glob("objects/??/*")) == []


@pytest.mark.usefixtures("_either_way")
def test_what_never_ends_is_given_up(repository: Repository) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x"

    with repository.shared(), repository.transaction() as writer, pytest.raises(Failed):
        writer.file(HEAD, 5, endless())


def test_a_symlink_has_no_content(repository: Repository) -> None:
    with repository.shared(), repository.transaction() as writer:
        for size in (0, 5, 2 << 20):
            with pytest.raises(Failed):
                writer.file(LINK, size, [b"hello"])


# --- what is here already -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("_either_way")
def test_a_stored_object_is_not_written_again(repository: Repository) -> None:
    first = store(repository).stat()
    assert store(repository).stat() == first


def test_stored_metadata_is_not_written_again(repository: Repository) -> None:
    def inode() -> int:
        with repository.shared(), repository.transaction() as writer:
            name = writer.meta(0, 0, 0o700)
        return (repository.path / loose_path(Kind.DIRMETA, name)).stat().st_ino

    assert inode() == inode()


def test_metadata_is_written_once(repository: Repository) -> None:
    with repository.shared(), repository.transaction() as writer:
        for _ in range(3):
            writer.tree(DirTree())
            writer.raw(Kind.DIRMETA, serialize_dirmeta(0, 0, 0o755))
            writer.meta(0, 0, 0o755)
        assert writer.written == 2


@pytest.mark.parametrize("target", ["usr/bin", "ü", "x" * 4000])
def test_a_stored_symlink_is_not_written_again(repository: Repository, target: str) -> None:
    for count in (1, 0):
        with repository.shared(), repository.transaction() as writer:
            writer.file(symlink(0, 0, target), 0)
            assert writer.written == count


def elsewhere(path: Path) -> Path:
    path.rename(path.parents[2] / "elsewhere")
    return path.parents[2] / "elsewhere"


def instead(path: Path, make: Callable[[], None]) -> None:
    path.unlink()
    make()


def changed(path: Path, content: bytes) -> None:
    """Other bytes in the same inode, all else as we leave it."""
    mode = path.stat().st_mode
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(mode)
    os.utime(path, ns=(0, 0))


DAMAGE: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "shorter": lambda path: changed(path, b"hello"),
    "longer": lambda path: changed(path, CONTENT + b"!"),
    "empty": lambda path: changed(path, b""),
    "writable": lambda path: path.chmod(0o755),
    "of another mode": lambda path: path.chmod(0o444),
    "setuid": lambda path: path.chmod(0o4555),
    "unreadable": lambda path: path.chmod(0),
    "of another time": lambda path: os.utime(path, (5, 5)),
    "almost of its time": lambda path: os.utime(path, ns=(0, 1)),
    "a symlink to it": lambda path: path.symlink_to(elsewhere(path)),
    "a symlink to nothing": lambda path: instead(path, lambda: path.symlink_to("nothing")),
    "a directory": lambda path: instead(path, path.mkdir),
    "a full directory": lambda path: instead(path, lambda: (path / "below").mkdir(parents=True)),
    "a FIFO": lambda path: instead(path, lambda: os.mkfifo(path, 0o555)),
}


@pytest.mark.usefixtures("_either_way")
@pytest.mark.parametrize("harm", DAMAGE.values(), ids=DAMAGE)
def test_a_file_that_does_not_look_as_we_left_it_gets_a_fresh_inode(
    repository: Repository, harm: Callable[[Path], object]
) -> None:
    path = store(repository)
    deployed = path.parents[2] / "deployed"
    deployed.hardlink_to(path)
    harm(path)
    assert store(repository) == path
    found = path.lstat()
    assert (found.st_mode, found.st_mtime_ns, found.st_nlink) == (stat.S_IFREG | 0o555, 0, 1)
    assert path.read_bytes() == CONTENT


META_DAMAGE = DAMAGE | {"other bytes": lambda path: changed(path, path.read_bytes()[::-1])}
FIT_FOR_METADATA = {"of another mode", "of another time", "almost of its time"}


@pytest.mark.parametrize("harm", sorted(META_DAMAGE.keys() - FIT_FOR_METADATA))
def test_metadata_that_is_not_as_we_left_it_gets_a_fresh_inode(repository: Repository, harm: str) -> None:
    with repository.shared(), repository.transaction() as writer:
        name = writer.meta(0, 0, 0o700)
    path = repository.path / loose_path(Kind.DIRMETA, name)
    right = path.read_bytes()
    META_DAMAGE[harm](path)
    with repository.shared(), repository.transaction() as writer:
        assert writer.meta(0, 0, 0o700) == name
        assert writer.written == 1
    assert path.read_bytes() == right
    assert path.lstat().st_mode == stat.S_IFREG | 0o444


def test_an_object_that_is_kept_gets_its_mode(repository: Repository) -> None:
    path = store(repository)
    path.chmod(0o640)
    inode = path.stat().st_ino
    with repository.shared(), repository.transaction() as writer:
        writer.keep(Kind.FILE, path.parent.name + path.stem, 0o555)
    assert (path.stat().st_mode & 0o7777, path.stat().st_ino) == (0o555, inode)


@pytest.mark.parametrize("harm", ["missing", "a symlink to it", "a directory", "a FIFO"])
def test_what_cannot_be_kept_is_corrupt(repository: Repository, harm: str) -> None:
    path = store(repository)
    DAMAGE[harm](path)
    with pytest.raises(RepoCorrupt), repository.shared(), repository.transaction() as writer:
        writer.keep(Kind.FILE, path.parent.name + path.stem, 0o555)
    store(repository)


@pytest.mark.parametrize("name", ["../" + "a" * 61, "A" * 64, "", "a" * 63])
def test_only_a_checksum_is_kept(repository: Repository, name: str) -> None:
    with pytest.raises(Failed), repository.shared(), repository.transaction() as writer:
        writer.keep(Kind.FILE, name)


# --- order and limits ---------------------------------------------------------------------------------------


def test_objects_are_on_the_disk_before_they_have_names_and_their_names_before_the_end(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R10, with two syncs however many objects there are."""
    seen: list[int] = []
    monkeypatch.setattr(disk, "sync", lambda _: seen.append(len(list(repository.path.glob("objects/??/*")))))
    with repository.shared(), repository.transaction() as writer:
        for number in range(50):
            writer.file(HEAD, 2, [b"%02d" % number])
        writer.tree(DirTree())
        assert list(repository.path.glob("objects/??/*")) == []
    assert seen == [0, 51]


def test_what_another_has_just_stored_is_put_on_the_disk_too(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(repository)
    seen: list[int] = []
    monkeypatch.setattr(disk, "sync", seen.append)
    store(repository)
    assert len(seen) == 1


def test_the_reserve_counts_for_every_object(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    free = [3 * 4096 + 20]
    monkeypatch.setattr(Repository, "free_space", lambda _: free[0])
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
    assert len(list(repository.path.glob("objects/??/*"))) == 3


def test_the_repositorys_own_reserve_is_kept(repository: Repository) -> None:
    room = shutil.disk_usage(repository.path).free
    config = repository.path / "config"
    config.write_text(config.read_text() + f"min-free-space-size={(room >> 20) + 1000}MB\n")
    with pytest.raises(NoSpace):
        store(Repository.open(repository.path))


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


def test_nothing_in_the_stubs_takes_an_objects_name_on_faith() -> None:
    """R3: what is not in the stubs is a type error wherever it is called."""
    text = (Path(__file__).parents[5] / "stubs/gi/repository/OSTree.pyi").read_text()
    assert "def fsck_object(" in text
    assert not re.findall(r"def \w*(?:trusted|TRUSTED)\w*", text)
