# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""writer.py when the disk is full, when it is killed, and beside others: no object is ever half there."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from appctld.errors import AppctlError, Failed, LimitExceeded, NoSpace
from appctld.workers.store import disk
from appctld.workers.store.ostree import writer as module
from appctld.workers.store.ostree.objects import regular
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.ostree.tree import DirTree
from support.repositories.fsck import fsck
from support.repositories.killed import Killer
from support.repositories.oracle_writer import stored
from support.repositories.store_state import State

HEAD = regular(0, 0, 0o755)


def fill(repository: Repository, count: int = 5) -> None:
    """One transaction with all sorts of objects."""
    with repository.shared(), repository.transaction() as writer:
        names = {f"f{n}": writer.file(HEAD, 300, [b"%03d" % n * 100]) for n in range(count)}
        names["large"] = writer.file(HEAD, 2 << 20, [b"x" * (1 << 20)] * 2)
        writer.tree(DirTree(names))
        writer.meta(0, 0, 0o755)


def left(repo: Path) -> tuple[int, set[str]]:
    """How many objects there are, and what is in tmp/."""
    return len(list(repo.glob("objects/??/*"))), {path.name for path in (repo / "tmp").iterdir()} - {"cache"}


# --- the disk says no ---------------------------------------------------------------------------------------


class Failing:
    """One system call, which works `good` times and then fails."""

    def __init__(self, name: str, good: int, number: int) -> None:
        self._real = getattr(os, name)
        self._good = good
        self._number = number

    def __call__(self, *arguments: object, **named: object) -> object:
        self._good -= 1
        if self._good < 0:
            raise OSError(self._number, os.strerror(self._number))
        return self._real(*arguments, **named)


@pytest.mark.parametrize("good", [0, 1, 3])
@pytest.mark.parametrize(
    ("call", "number", "leaf"),
    [
        ("write", errno.ENOSPC, NoSpace),
        ("write", errno.EDQUOT, NoSpace),
        ("write", errno.EIO, Failed),
        ("setxattr", errno.EDQUOT, NoSpace),
        ("setxattr", errno.EIO, Failed),
        ("setxattr", errno.E2BIG, LimitExceeded),
        ("setxattr", errno.ERANGE, LimitExceeded),
        ("fchmod", errno.EIO, Failed),
        ("utime", errno.EIO, Failed),
    ],
)
def test_a_call_that_fails_leaves_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    number: int,
    leaf: type[AppctlError],
    good: int,
) -> None:
    repository = Repository.open(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(os, call, Failing(call, good, number))
        with pytest.raises(leaf):
            fill(repository)
    assert left(tmp_path) == (0, set())
    fill(repository)
    fsck(tmp_path)


@pytest.mark.parametrize("size", [300, 2 << 20])
def test_a_file_that_could_not_be_finished_is_not_published_with_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    repository = Repository.open(tmp_path)
    with repository.shared(), repository.transaction() as writer:
        with monkeypatch.context() as patched:
            patched.setattr(os, "fchmod", Failing("fchmod", 0, errno.EIO))
            with pytest.raises(Failed):
                writer.file(HEAD, size, [b"x" * size])
        writer.file(HEAD, 1, [b"x"])
        assert writer.written == 1
    assert left(tmp_path) == (1, set())
    fsck(tmp_path)


def test_what_was_lost_before_it_had_its_place_fails_the_transaction(tmp_path: Path) -> None:
    repository = Repository.open(tmp_path)
    with pytest.raises(Failed, match="of 2 objects 1 were"):
        lose_one(repository, tmp_path)
    assert left(tmp_path) == (1, set())
    fsck(tmp_path)


def lose_one(repository: Repository, repo: Path) -> None:
    with repository.shared(), repository.transaction() as writer:
        writer.file(HEAD, 1, [b"x"])
        writer.file(HEAD, 1, [b"y"])
        next(repo.glob("tmp/appctl-*/*")).unlink()


def test_what_the_disk_takes_in_parts_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, memoryview(data)[:1000]))
    monkeypatch.setattr(module, "SMALL_FILE", 5000)
    repository = Repository.open(tmp_path)
    with repository.shared(), repository.transaction() as writer:
        for size in (1, 999, 1000, 1001, 4321, 54321):
            writer.file(HEAD, size, [os.urandom(size)])
    fsck(tmp_path)


BOUNDED = """
import resource, sys
from collections.abc import Callable, Iterator
from pathlib import Path
from appctld.errors import Failed
from appctld.workers.store.ostree.objects import regular
from appctld.workers.store.ostree.repository import Repository
repository = Repository.open(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
try:
    with repository.shared(), repository.transaction() as writer:
        writer.file(regular(0, 0, 0o644), 5, [b"small"])
        writer.file(regular(0, 0, 0o644), 3 << 20, [b"x" * (3 << 18)] * 4)
except Failed as error:
    print(error)
"""


def test_the_kernels_own_refusal_in_the_middle_of_a_file_leaves_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BOUNDED, str(tmp_path)], check=True, capture_output=True, text=True
    )
    assert "File too large" in done.stdout
    assert left(tmp_path) == (0, set())


def test_xattrs_that_the_file_system_does_not_hold_are_a_limit(tmp_path: Path) -> None:
    """Whatever it holds (4,000 bytes on ext4, never more than 64 KiB), the disk is not full."""
    repository = Repository.open(tmp_path)
    head = regular(0, 0, 0o644, [(b"user.a", b"x" * 70_000)])
    with pytest.raises(LimitExceeded), repository.shared(), repository.transaction() as writer:
        writer.file(head, 0)


@pytest.mark.parametrize(("free", "leaf"), [(1, LimitExceeded), (0, NoSpace)])
def test_a_file_system_that_is_full_is_told_from_one_that_holds_no_such_xattr(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, leaf: type[AppctlError]
) -> None:
    """ext4 says ENOSPC for both."""

    class Room:
        f_bavail = free

    repository = Repository.open(tmp_path)
    monkeypatch.setattr(os, "setxattr", Failing("setxattr", 0, errno.ENOSPC))
    monkeypatch.setattr(os, "fstatvfs", lambda _: Room)
    monkeypatch.setattr(Repository, "free_space", lambda _: 1 << 30)
    with pytest.raises(leaf), repository.shared(), repository.transaction() as writer:
        writer.file(HEAD, 1, [b"x"])


@pytest.mark.parametrize("good", [0, 1], ids=["before the names", "after them"])
def test_a_disk_that_cannot_sync_fails_the_transaction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, good: int
) -> None:
    repository = Repository.open(tmp_path)
    calls = [0] * good

    def sync(_: int) -> None:
        if not calls:
            raise OSError(errno.EIO, "Input/output error")
        calls.pop()

    monkeypatch.setattr(disk, "sync", sync)
    with pytest.raises(Failed, match="syncfs: Input/output"):
        fill(repository)
    assert left(tmp_path) == (8 * good, set())  # whole by then, and nothing names them
    fsck(tmp_path)


# --- kills --------------------------------------------------------------------------------------------------

STEPS = [
    *(
        f"os:{name}"
        for name in (
            "mkdir", "open", "write", "setxattr", "utime", "fchmod", "close", "rename", "rmdir", "unlink"
        )
    ),
    "appctld.workers.store.disk:sync",
]  # fmt: skip


def test_a_kill_at_any_step_leaves_whole_objects_only(tmp_path: Path) -> None:
    seen: set[int] = set()
    step = 0
    killed = True
    with Killer(STEPS) as killer:
        while killed:
            step += 1
            state = State(tmp_path / str(step))
            Repository.open(state.repo)
            killed = killer.kills(step, "write-objects", {"repo": str(state.repo)})
            seen.add(left(state.repo)[0])
            fsck(state.repo)
            state.recover()
            assert left(state.repo)[1] == set()
    assert seen == {0, 1, 2, 3, 4, 5}
    assert step > 40


# --- neighbours ---------------------------------------------------------------------------------------------


def test_two_writers_of_the_same_objects_do_not_disturb_each_other(tmp_path: Path) -> None:
    one, other = Repository.open(tmp_path), Repository.open(tmp_path)
    with one.shared(), other.shared(), one.transaction() as first:
        with other.transaction() as second:
            for content in (b"a", b"b" * (2 << 20)):
                names = {writer.file(HEAD, len(content), [content]) for writer in (first, second)}
                assert len(names) == 1
            assert first.meta(0, 0, 0o700) == second.meta(0, 0, 0o700)
        between = stored(tmp_path)
        assert len(between) == 3
        assert first.written == second.written == 3
    assert stored(tmp_path) == between
    assert left(tmp_path) == (3, set())
    fsck(tmp_path)


MANY = """
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from appctld.workers.store.ostree.objects import regular
from appctld.workers.store.ostree.repository import Repository
repository = Repository.open(Path(sys.argv[1]))
for round in range(10):
    with repository.shared(), repository.transaction() as writer:
        for number in range(round * 10, round * 10 + 20):
            writer.file(regular(0, 0, 0o644), 4, [b"%04d" % number])
"""


def test_writers_side_by_side_in_processes_of_their_own_store_everything_once(tmp_path: Path) -> None:
    Repository.open(tmp_path)
    command = [sys.executable, "-c", MANY, str(tmp_path)]
    writers = [subprocess.Popen(command) for _ in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert left(tmp_path) == (110, set())
    fsck(tmp_path)
