# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""staging.py: what does not count yet is nobody else's, and goes with its transaction or after it."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from appctld.errors import Failed
from appctld.workers.store.ostree import staging as module
from appctld.workers.store.ostree.commit import Commit
from appctld.workers.store.ostree.loose import Loose
from appctld.workers.store.ostree.objects import regular
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.ostree.tree import DirTree

HEAD = regular(0, 0, 0o644)

OTHER = """
import sys
from pathlib import Path
from appctld.workers.store.ostree.objects import regular
from appctld.workers.store.ostree.repository import Repository
repository = Repository.open(Path(sys.argv[1]))
with repository.shared(), repository.transaction() as writer:
    writer.file(regular(0, 0, 0o644), 5, [b"other"])
    print("ready", flush=True)
    sys.stdin.read()
"""


@contextmanager
def other_process(repo: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Somebody whose transaction is under way until their standard input ends."""
    command = [sys.executable, "-c", OTHER, str(repo)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"ready\n"
        yield other


def found(repo: Path, where: str) -> set[bytes]:
    return {path.read_bytes() for path in repo.glob(f"{where}/*.file")}


def staged(repo: Path) -> list[Path]:
    return list((repo / "tmp").glob("appctl-*"))


def fail(repository: Repository) -> None:
    with pytest.raises(Failed):
        write(repository, b"refused", b"short")


def write(repository: Repository, *contents: bytes) -> None:
    """Store files that are as long as the first."""
    with repository.shared(), repository.transaction() as writer:
        for content in contents:
            writer.file(HEAD, len(contents[0]), [content])


def test_the_next_transaction_does_not_bring_in_what_was_refused(tmp_path: Path) -> None:
    repository = Repository.open(tmp_path)
    fail(repository)
    assert staged(tmp_path) == []
    write(repository, b"taken")
    assert found(tmp_path, "objects/??") == {b"taken"}


def test_a_commit_has_its_name_only_after_all_that_it_may_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is killed in between leaves no commit without its tree, which fsck would find."""
    taken: list[str] = []
    take = Loose.take

    def noted(self: Loose, entry: str, staging: int) -> None:
        taken.append(entry.partition(".")[2])
        take(self, entry, staging)

    monkeypatch.setattr(Loose, "take", noted)
    repository = Repository.open(tmp_path)
    with repository.shared(), repository.transaction() as writer:
        for number in range(20):
            file = writer.file(HEAD, 2, [b"%02d" % number])
            tree, meta = writer.tree(DirTree({"f": file}, {})), writer.meta(0, 0, 0o755)
            writer.commit(Commit(tree, meta, number, {}))
    assert taken == sorted(taken, key=lambda kind: kind == "commit")
    assert taken.count("commit") == 20


def test_somebody_elses_transaction_is_not_disturbed(tmp_path: Path) -> None:
    repository = Repository.open(tmp_path)
    with other_process(tmp_path) as other:
        fail(repository)
        write(repository, b"taken")
        assert found(tmp_path, "tmp/*") == {b"other"}
        assert found(tmp_path, "objects/??") == {b"taken"}
        other.communicate()
    assert other.returncode == 0
    assert found(tmp_path, "objects/??") == {b"other", b"taken"}


def test_what_a_killed_writer_left_goes_with_the_next_transaction(tmp_path: Path) -> None:
    repository = Repository.open(tmp_path)
    with other_process(tmp_path) as other:
        other.kill()
    assert found(tmp_path, "tmp/*") == {b"other"}
    write(repository, b"taken")
    assert staged(tmp_path) == []
    assert found(tmp_path, "objects/??") == {b"taken"}


def commit_with_libostree(repo: Path) -> None:
    (repo.parent / "tree").mkdir()
    command = ["ostree", f"--repo={repo}", "commit", "--orphan", "-s", "", str(repo.parent / "tree")]
    subprocess.run(command, check=True)


def test_libostrees_commits_leave_a_transaction_alone(tmp_path: Path) -> None:
    repository = Repository.open(tmp_path / "repo")
    (repository.path / "tmp" / "loose").write_bytes(b"")
    with other_process(repository.path) as other:
        commit_with_libostree(repository.path)
        other.communicate()
    assert other.returncode == 0
    assert found(repository.path, "objects/??") == {b"other"}


def test_who_lost_what_was_staged_does_not_say_that_it_is_stored(tmp_path: Path) -> None:
    """Whatever nobody touched for a day is removed by libostree."""
    repository = Repository.open(tmp_path / "repo")
    config = repository.path / "config"
    config.write_text(config.read_text() + "tmp-expiry-secs=1\n")

    def late() -> None:
        with repository.shared(), repository.transaction() as writer:
            writer.file(HEAD, 5, [b"other"])
            os.utime(staged(repository.path)[0], (5, 5))
            commit_with_libostree(repository.path)

    with pytest.raises(Failed, match="of 1 objects 0 "):
        late()
    write(repository, b"taken")


@pytest.mark.parametrize("name", ["appctl-ref-0123456789abcdef", "appctl-0123", "staging-boot-x", "cache"])
def test_only_staging_directories_are_swept(tmp_path: Path, name: str) -> None:
    repository = Repository.open(tmp_path)
    (tmp_path / "tmp" / name).mkdir(exist_ok=True)
    write(repository, b"taken")
    assert (tmp_path / "tmp" / name).is_dir()


def test_what_cannot_be_swept_is_left_and_no_symlink_is_followed(tmp_path: Path) -> None:
    repository = Repository.open(tmp_path / "repo")
    (tmp_path / "outside" / "below").mkdir(parents=True)
    link, file = (tmp_path / "repo/tmp" / f"appctl-{digit * 16}" for digit in "ab")
    link.symlink_to(tmp_path / "outside")
    file.write_bytes(b"")
    write(repository, b"taken")
    assert (tmp_path / "outside" / "below").is_dir()
    assert link.is_symlink()
    assert file.is_file()


def swept(temporary: Path) -> None:
    """What another transaction's beginning does to a directory that nobody holds yet."""
    for directory in staged(temporary.parent):
        directory.rmdir()


def held(temporary: Path) -> None:
    """Another holds it for a moment, to sweep it."""
    for directory in staged(temporary.parent):
        fcntl.flock(os.open(directory, os.O_RDONLY), fcntl.LOCK_EX)  # held until this process ends


@pytest.mark.parametrize("moment", [swept, held])
@pytest.mark.parametrize("before", ["open", "flock"])
def test_a_directory_that_was_swept_before_it_was_held_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, moment: "object"
) -> None:
    repository = Repository.open(tmp_path)
    owner = {"open": os, "flock": fcntl}[before]
    real, once = getattr(owner, before), [True]

    def racing(what: object, *arguments: object, **named: object) -> object:
        if once and staged(tmp_path) and (before == "flock" or str(what).startswith("appctl-")):
            once.clear()
            assert callable(moment)
            moment(tmp_path / "tmp")
        return real(what, *arguments, **named)

    monkeypatch.setattr(owner, before, racing)
    write(repository, b"taken")
    assert not once
    assert found(tmp_path, "objects/??") == {b"taken"}


def test_each_transaction_has_a_directory_that_only_we_may_enter(tmp_path: Path) -> None:
    repository = Repository.open(tmp_path)
    with repository.shared(), repository.transaction(), repository.transaction():
        assert [path.stat().st_mode & 0o7777 for path in staged(tmp_path)] == [0o700, 0o700]
        assert all(module.is_staging(path.name) for path in staged(tmp_path))
    assert staged(tmp_path) == []
