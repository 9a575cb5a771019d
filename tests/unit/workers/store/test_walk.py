# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""walk.py: every directory is asked for as often as it stands in the tree, and there is an end to it."""

import pytest

from appctld.errors import LimitExceeded
from appctld.workers.store import walk as module
from appctld.workers.store.ostree.tree import DirTree
from appctld.workers.store.walk import walk

META, FILE = "m" * 64, "f" * 64


class Noting:
    """Directories by name, and what was asked."""

    def __init__(self, trees: dict[str, DirTree]) -> None:
        self._trees = trees
        self.asked: list[str] = []
        self.metas = 0

    def tree(self, name: str) -> DirTree:
        self.asked.append(name)
        return self._trees[name]

    def meta(self, name: str) -> None:
        assert name == META
        self.metas += 1


def twice(depth: int) -> Noting:
    """Directories that each hold the next one twice; the last holds a file."""
    below = {
        str(level): DirTree({}, {"a": (str(level + 1), META), "b": (str(level + 1), META)})
        for level in range(depth)
    }
    return Noting({**below, str(depth): DirTree({"f": FILE})})


def chain(depth: int) -> Noting:
    below = {str(level): DirTree({}, {"d": (str(level + 1), META)}) for level in range(depth)}
    return Noting({**below, str(depth): DirTree()})


def test_a_directory_is_asked_for_as_often_as_it_stands_there() -> None:
    found = twice(3)
    walk("0", META, found)
    assert sorted(found.asked) == ["0", "1", "1", *["2"] * 4, *["3"] * 8]
    assert found.metas == 15


def test_names_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NAMES", 22)
    walk("0", META, twice(3))
    monkeypatch.setattr(module, "NAMES", 21)
    with pytest.raises(LimitExceeded, match="files and directories"):
        walk("0", META, twice(3))


def test_depth_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DEPTH", 5)
    walk("0", META, chain(5))
    with pytest.raises(LimitExceeded, match="below each other"):
        walk("0", META, chain(6))
