# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""checkout.py: what a tree holds is counted as often as it is there, and costs no less than it takes."""

import os
from pathlib import Path

import pytest

from appctld.errors import LimitExceeded, RepoCorrupt
from appctld.workers.store import checkout
from appctld.workers.store.checkout import inventory, symlinks
from appctld.workers.store.ostree.closure import check_content
from appctld.workers.store.ostree.commit import Commit
from appctld.workers.store.ostree.objects import regular
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.ostree.tree import DirTree
from support.repositories.store_state import State


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path)


def test_names_are_counted_where_they_are_and_not_where_they_are_stored(state: State) -> None:
    lines = [f"{above}/{below}/{name} = same" for above in "ab" for below in "cde" for name in "fg"]
    found = inventory(Repository.open(state.repo), state.merge(*lines, "h = other"))
    assert sorted(found.names.values()) == [1, 12]
    assert found.directories == 9 * 4096


def doubling(state: State, levels: int) -> str:
    """A commit of a few objects whose checkout has 2^levels files: no tar makes one, a native pull may."""
    repository = Repository.open(state.repo)
    with repository.shared(), repository.transaction() as writer:
        meta = writer.meta(0, 0, 0o755)
        tree = writer.tree(DirTree({"f": writer.file(regular(0, 0, 0o644), 1, [b"x"])}))
        for _ in range(levels):
            tree = writer.tree(DirTree({}, {"a": (tree, meta), "b": (tree, meta)}))
        return writer.commit(Commit(tree, meta))


def test_a_tree_that_doubles_is_not_walked_to_its_end(state: State) -> None:
    assert inventory(Repository.open(state.repo), doubling(state, 4)).names.total() == 16
    with pytest.raises(LimitExceeded, match="files and directories"):
        inventory(Repository.open(state.repo), doubling(state, 200))


def test_the_names_of_a_tree_are_counted(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkout, "NAMES", 4)
    inventory(Repository.open(state.repo), state.merge("a/f = 1", "a/g = 1", "b = 2"))
    with pytest.raises(LimitExceeded):
        inventory(Repository.open(state.repo), state.merge("a/f = 1", "a/g = 1", "b = 2", "c/"))


def cost_of(repository: Repository, commit: str) -> int:
    found = inventory(repository, commit)
    content = check_content(repository, found.names)
    return found.cost(content, symlinks(repository, content))


LARGE = "x" * 5000
TREES = {
    "nothing": ["./"],
    "files": ["a = 1", f"b = {LARGE}", "c/d 0755 = 2"],
    "many directories": [f"d{number}/" for number in range(300)],
    "long names": [f"{'n' * 200}{number} = 1" for number in range(300)],
    "short symlinks": [f"s{number} -> x" for number in range(50)],
    "long symlinks": [f"s{number} -> {'x' * 100}" for number in range(50)],
    "the longest symlink": [f"s -> {'/x' * 2047}"],
    "copies": [f"f{number} = {LARGE}" for number in range(20)],
    "copies of many": [f"f{number}{twin} = {number}" for number in range(20) for twin in "abc"],
}


@pytest.mark.parametrize("lines", TREES.values(), ids=TREES)
@pytest.mark.parametrize("links", [1, 2, 65_000])
def test_a_checkout_takes_no_more_than_it_was_said_to_cost(
    state: State, monkeypatch: pytest.MonkeyPatch, lines: list[str], links: int
) -> None:
    monkeypatch.setattr(checkout, "LINKS", links)
    commit = state.merge(*lines)
    cost = cost_of(Repository.open(state.repo), commit)
    files = state.deploy(commit)
    found = [path.lstat() for path in (files, *files.rglob("*"))]
    objects = {path.stat().st_ino: path.stat() for path in state.repo.glob("objects/??/*.file")}
    linked: dict[int, int] = {}
    taken = 0
    for status in found:
        linked[status.st_ino] = linked.get(status.st_ino, 1) + 1  # the object has one
        copied = status.st_ino not in objects or linked[status.st_ino] > links
        taken += status.st_blocks * 512 if copied else 0
    assert taken <= cost
    if taken:  # a file system in memory tells no blocks of directories and links
        assert cost <= 3 * taken + (64 << 10)


def test_what_has_links_from_other_versions_has_fewer_left(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkout, "LINKS", 5)
    repository, commit = Repository.open(state.repo), state.merge(f"a = {LARGE}", f"b = {LARGE}")
    costs = []
    for number in range(3):
        costs.append(cost_of(repository, commit) - 4096)
        state.deploy(commit, number)
    assert costs == [0, 0, 2 * 8192]


def test_an_object_without_attributes_is_neither_file_nor_symlink(state: State) -> None:
    repository, commit = Repository.open(state.repo), state.merge("a = 1")
    content = check_content(repository, inventory(repository, commit).names)
    (name,) = content
    path = state.repo / "objects" / name[:2] / f"{name[2:]}.file"
    path.chmod(0o644)
    os.removexattr(path, "user.ostreemeta")
    with pytest.raises(RepoCorrupt):
        symlinks(repository, content)
