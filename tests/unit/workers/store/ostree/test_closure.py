# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""closure.py: all that a commit needs, each thing read once; what is missing is said so."""

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from appctld.errors import RepoCorrupt
from appctld.workers.store.ostree.closure import check_content, closure, content_size, reached
from appctld.workers.store.ostree.kinds import Kind
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.ostree.tree import DirMeta, DirTree
from support.repositories.store_state import State

LINES = ("a/same/f = one", "b/same/f = one", "b/g = three", "l -> g")  # two directories are the same


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path)


class Counting:
    """A repository that counts what it is asked for."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self.asked: Counter[str] = Counter()

    def tree(self, name: str) -> DirTree:
        self.asked[name] += 1
        return self._repository.tree(name)

    def meta(self, name: str) -> DirMeta:
        self.asked[name] += 1
        return self._repository.meta(name)


def stored(state: State, kind: Kind) -> set[str]:
    return {path.parent.name + path.stem for path in state.repo.glob(f"objects/??/*.{kind.suffix}")}


def test_a_closure_is_all_that_commits_need(state: State) -> None:
    layer = state.merge(*LINES)
    repository = Repository.open(state.repo)
    found = closure(repository, [layer])
    assert found.objects[Kind.COMMIT] == {layer}
    for kind in (Kind.DIRTREE, Kind.DIRMETA, Kind.FILE):
        assert found.objects[kind] == stored(state, kind)


def test_what_a_tree_reaches_is_read_once(state: State) -> None:
    repository = Repository.open(state.repo)
    commit = repository.commit(state.merge(*LINES))
    counting = Counting(repository)
    found = reached(counting, commit.tree, commit.meta)
    assert found.files == stored(state, Kind.FILE)
    directories = found.objects[Kind.DIRTREE] | found.objects[Kind.DIRMETA]
    assert counting.asked == Counter(dict.fromkeys(directories, 1))


def test_content_that_is_missing_is_said_so_whatever_stands_beside_it(state: State) -> None:
    state.merge(*LINES)
    repository, files = Repository.open(state.repo), sorted(stored(state, Kind.FILE))
    assert content_size(repository, files) == len("one" + "three" + "g") + 1
    missing = files[-1]
    (state.repo / "objects" / missing[:2] / f"{missing[2:]}.file").unlink()
    for look in (check_content, content_size):
        with pytest.raises(RepoCorrupt, match=f"{missing} is missing"):
            look(repository, files)


def by_fifo(path: Path) -> None:
    os.mkfifo(path, 0o444)
    os.utime(path, (0, 0))


def by_symlink(path: Path) -> None:
    path.symlink_to("/etc/passwd")


@pytest.mark.parametrize("replace", [by_fifo, by_symlink, Path.mkdir])
def test_what_is_no_file_is_refused_by_its_looks(state: State, replace: Callable[[Path], None]) -> None:
    state.merge(*LINES)
    (name, *_) = stored(state, Kind.FILE)
    path = state.repo / "objects" / name[:2] / f"{name[2:]}.file"
    path.unlink()
    replace(path)
    with pytest.raises(RepoCorrupt, match="no regular file"):
        check_content(Repository.open(state.repo), [name])
