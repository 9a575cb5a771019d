# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A walk over a stranger's commit, directory by directory, that ends soon whatever the stranger made.

Guarantees: names and depth are bounded as they will stand in the tree, where one object may stand a million
times. Leaves to others: where directories come from, and what is done with each.
"""

from typing import Protocol

from appctld.errors import LimitExceeded
from appctld.workers.store.directory import DEPTH
from appctld.workers.store.ostree.tree import DirTree
from appctld.workers.store.union import NAMES


class Directories(Protocol):
    """Where they come from: each is asked for as often as it stands in the tree."""

    def tree(self, name: str) -> DirTree:
        """A dirtree, validated."""

    def meta(self, name: str) -> object:
        """Look at a dirmeta."""


def walk(tree: str, meta: str, directories: Directories) -> None:
    """Ask for every directory below a root. Raises LimitExceeded, and what `directories` raises."""
    waiting, names = [(tree, meta, 0)], 0
    while waiting:
        tree, meta, depth = waiting.pop()
        if depth > DEPTH:
            raise LimitExceeded(f"more than {DEPTH} directories below each other", limit=DEPTH)
        directories.meta(meta)
        here = directories.tree(tree)
        names += len(here.files) + len(here.dirs)
        if names > NAMES:
            raise LimitExceeded(f"more than {NAMES} files and directories", limit=NAMES)
        waiting += [(*below, depth + 1) for below in here.dirs.values()]
