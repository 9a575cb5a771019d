# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""repository.py: refs that survive, locks that time out, objects that are what their names say."""

import os
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from stat import S_ISLNK

import pytest

from appctld.errors import Busy, Failed, RepoCorrupt
from appctld.workers.store.ostree import repository as repository_module
from appctld.workers.store.ostree.commit import Commit
from appctld.workers.store.ostree.kinds import Kind, loose_path
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.ostree.tree import DirTree

REF = "appctl/layer/acme/" + "a" * 64
OTHER = "appctl/app/acme/org.example.App/0123456789ab.0"


@pytest.fixture(name="repository")
def _repository(tmp_path: Path) -> Repository:
    return Repository.open(tmp_path / "state" / "repo")


def commit(repository: Repository, timestamp: int = 0) -> str:
    with repository.shared(), repository.transaction() as writer:
        return writer.commit(Commit(writer.tree(DirTree()), writer.meta(0, 0, 0o755), timestamp))


def test_a_repository_is_made_once_and_is_bare_user(repository: Repository) -> None:
    config = (repository.path / "config").read_text()
    assert "mode=bare-user\n" in config
    assert "lock-timeout-secs=0\n" in config
    (repository.path / "config").write_text(config + "tmp-expiry-secs=5\n")
    Repository.open(repository.path)
    assert "tmp-expiry-secs=5\n" in (repository.path / "config").read_text()


def test_a_ref_is_written_changed_and_dropped(repository: Repository) -> None:
    first, second = commit(repository, 1), commit(repository, 2)
    repository.write_ref(REF, first)
    repository.write_ref(OTHER, first)
    assert repository.ref(REF) == first
    repository.write_ref(REF, second)
    assert repository.refs() == {REF: second, OTHER: first}
    assert repository.refs("appctl/app") == {OTHER: first}
    repository.drop_ref(REF)
    repository.drop_ref(REF)
    assert (repository.refs(), repository.ref(REF)) == ({OTHER: first}, None)


def test_refs_that_go_together_are_durable_by_directory(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = commit(repository)
    many = [f"appctl/layer/acme/{number:064x}" for number in range(5)]
    for ref in (*many, OTHER):
        repository.write_ref(ref, name)
    synced: list[int] = []
    monkeypatch.setattr("os.fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    repository.drop_refs([*many, OTHER, "appctl/layer/gone/" + "a" * 64])
    directories = {(repository.path / "refs/heads" / ref).parent for ref in (many[0], OTHER)}
    assert sorted(synced) == sorted(directory.stat().st_ino for directory in directories)
    assert repository.refs() == {}


def test_libostree_reads_our_refs(repository: Repository) -> None:
    name = commit(repository)
    repository.write_ref(REF, name)
    shown = subprocess.run(
        ["ostree", f"--repo={repository.path}", "rev-parse", REF], check=True, capture_output=True, text=True
    )
    assert shown.stdout.strip() == name


def test_a_ref_that_could_not_be_written_leaves_the_old_one(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = commit(repository)
    repository.write_ref(REF, name)

    def full(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(Failed, match="Input/output"):
        repository.write_ref(REF, commit(repository, 2))
    assert repository.refs() == {REF: name}
    assert list((repository.path / "tmp").glob("appctl-*")) == []


def test_a_ref_is_on_the_disk_before_it_has_its_name(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, bool]] = []
    target = repository.path / "refs/heads" / REF
    monkeypatch.setattr(
        "os.fsync",
        lambda fd: seen.append((Path(f"/proc/self/fd/{fd}").readlink().name[:10], target.exists())),
    )
    repository.write_ref(REF, commit(repository))
    assert seen == [("appctl-ref", False), ("acme", True), ("layer", True), ("appctl", True), ("heads", True)]


Call = Callable[[Repository], object]
Lock = Callable[[Repository], AbstractContextManager[None]]


@pytest.mark.parametrize(
    "call",
    [
        lambda r: r.write_ref("../../evil", "a" * 64),
        lambda r: r.write_ref(REF, "../" + "a" * 61),
        lambda r: r.drop_ref("appctl/layer/acme/.."),
        lambda r: r.ref(""),
        lambda r: r.load(Kind.COMMIT, "../" + "a" * 61),
        lambda r: r.verify(Kind.FILE, "A" * 64),
    ],
)
def test_no_other_name_reaches_the_file_system(repository: Repository, call: Call) -> None:
    with pytest.raises(Failed):
        call(repository)


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (Repository.exclusive, Repository.shared),
        (Repository.shared, Repository.exclusive),
        (Repository.exclusive, Repository.exclusive),
    ],
)
def test_who_must_wait_too_long_hears_busy(
    repository: Repository,
    mine: Lock,
    theirs: Lock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(repository_module, "LOCK_SECONDS", 0)
    other = Repository.open(repository.path)
    with mine(repository), pytest.raises(Busy), theirs(other):
        pass
    with theirs(other):
        pass


def test_who_waits_gets_the_lock_when_the_other_lets_it_go(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Repository.open(repository.path)
    slept: list[float] = []
    with ExitStack() as theirs:
        theirs.enter_context(other.shared())

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            theirs.close()

        monkeypatch.setattr("time.sleep", sleep)
        with repository.exclusive():
            assert 0 < slept[0] < 1, "neither without a pause nor as slowly as libostree"


def test_who_does_not_want_to_wait_does_not(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: pytest.fail("it waits"))
    with (
        Repository.open(repository.path).shared(),
        pytest.raises(Busy, match="is being read or changed"),
        repository.exclusive(wait=False),
    ):
        pass
    with repository.exclusive(wait=False):
        pass


@pytest.mark.parametrize("kind", [Kind.COMMIT, Kind.DIRTREE, Kind.DIRMETA])
def test_metadata_is_hashed_whenever_it_is_read(repository: Repository, kind: Kind) -> None:
    name = commit(repository)
    root = repository.commit(name)
    wanted = {Kind.COMMIT: name, Kind.DIRTREE: root.tree, Kind.DIRMETA: root.meta}[kind]
    assert repository.load(kind, wanted)
    other = repository.load(Kind.DIRMETA, root.meta)[:-1] + b"\1" if kind is Kind.DIRMETA else b""
    if kind is not Kind.DIRMETA:
        with repository.shared(), repository.transaction() as writer:
            tree = writer.tree(DirTree({"x": "a" * 64}))
            swapped = tree if kind is Kind.DIRTREE else writer.commit(Commit(tree, root.meta))
        other = repository.load(kind, swapped)
    path = repository.path / loose_path(kind, wanted)
    path.chmod(0o644)
    path.write_bytes(other)
    with pytest.raises(RepoCorrupt):
        repository.load(kind, wanted)


def test_what_is_not_there_is_corrupt(repository: Repository) -> None:
    assert repository.stat(Kind.FILE, "a" * 64) is None
    for kind in (Kind.COMMIT, Kind.DIRTREE, Kind.DIRMETA):
        with pytest.raises(RepoCorrupt):
            repository.load(kind, "a" * 64)
        with pytest.raises(RepoCorrupt):
            repository.verify(kind, "a" * 64)
    with pytest.raises(RepoCorrupt):
        repository.file_mode("a" * 64)


def test_a_symlink_in_an_objects_place_is_seen_and_not_followed(repository: Repository) -> None:
    path = repository.path / loose_path(Kind.FILE, "a" * 64)
    path.parent.mkdir(exist_ok=True)
    path.symlink_to("nowhere")
    found = repository.stat(Kind.FILE, "a" * 64)
    assert found is not None
    assert S_ISLNK(found.st_mode)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["directory", "FIFO"])
def test_what_is_no_file_is_corrupt_and_not_waited_for(
    repository: Repository, make: Callable[[Path], object]
) -> None:
    path = repository.path / loose_path(Kind.DIRMETA, repository.commit(commit(repository)).meta)
    path.unlink()
    make(path)
    with pytest.raises(RepoCorrupt, match="no regular file"):
        repository.meta(path.parent.name + path.stem)


def test_what_a_transaction_wrote_goes_when_it_fails(repository: Repository) -> None:
    def fail() -> None:
        with repository.shared(), repository.transaction() as writer:
            writer.meta(7, 7, 0o700)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert list((repository.path / "objects").glob("*/*")) == []
    commit(repository)


def test_what_is_no_name_of_a_ref_is_not_even_looked_for(repository: Repository) -> None:
    for name in ("../../x", "appctl", "main"):
        with pytest.raises(Failed):
            repository.ref(name)


def test_an_object_that_cannot_be_read_is_not_called_missing(repository: Repository) -> None:
    name = commit(repository)
    (repository.path / loose_path(Kind.COMMIT, name)).chmod(0)
    with pytest.raises(Failed, match=name):
        repository.commit(name)
