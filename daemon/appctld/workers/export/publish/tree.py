# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A commit's tree, laid out: its directories in order, and every content object with the paths that it has.

Guarantees: every dirtree and dirmeta hashes to its name and is valid (R12); numbers and depth are bounded;
order is that of the names' bytes. What an image cannot hold is refused by its path.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from appctld.errors import AppctlError, LimitExceeded, UnsafeArchive
from appctld.workers.export.publish.source.objects import RENAME, Objects, metadata
from appctld.workers.export.publish.source.source import Source
from appctld.workers.store.archive.entry import PATH_BYTES, WHITEOUT
from appctld.workers.store.directory import DEPTH
from appctld.workers.store.ostree.kinds import Kind
from appctld.workers.store.ostree.tree import DirMeta, DirTree, parse_dirmeta, parse_dirtree
from appctld.workers.store.union import NAMES


class Directory(NamedTuple):
    """`path` is "" for the root; `tree` and `meta` are checksums."""

    path: str
    tree: str
    meta: str


@dataclass
class Tree:
    """`directories`: the root first, each before what is in it; `files`: paths by content object, sorted.

    `trees` and `metas` hold the objects' bytes, `attributes` what the latter say.
    """

    directories: list[Directory] = field(default_factory=list)
    files: dict[str, list[str]] = field(default_factory=dict)
    trees: dict[str, bytes] = field(default_factory=dict)
    metas: dict[str, bytes] = field(default_factory=dict)
    attributes: dict[str, DirMeta] = field(default_factory=dict)

    @functools.cached_property
    def paths(self) -> Mapping[str, str]:
        """The content object at each path."""
        return {path: name for name, paths in self.files.items() for path in paths}


def read_tree(source: Source) -> Tree:
    """Read all directories. Raises RepoCorrupt, UnsafeArchive, LimitExceeded."""
    reading = _Reading(source.objects)
    reading.directory("", source.described.commit.tree, source.described.commit.meta, 0)
    for paths in reading.found.files.values():
        paths.sort()
    reading.found.files = dict(sorted(reading.found.files.items()))
    return reading.found


class _Reading:
    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._parsed: dict[str, DirTree] = {}
        self._names = 0
        self.found = Tree()

    def directory(self, path: str, tree: str, meta: str, depth: int) -> None:
        if depth > DEPTH:
            raise LimitExceeded(f"more than {DEPTH} directories below each other", limit=DEPTH, path=path)
        self.found.directories.append(Directory(path, tree, meta))
        try:
            self._meta(meta)
            here = self._tree(tree)
        except AppctlError as error:
            raise error.about(path=path) from error
        self._count(len(here.files) + len(here.dirs))
        above = f"{path}/" if path else ""
        for name, content in here.files.items():
            self.found.files.setdefault(content, []).append(_checked(above, name))
        for name, (below, attributes) in here.dirs.items():
            self.directory(_checked(above, name), below, attributes, depth + 1)

    def _tree(self, name: str) -> DirTree:
        if name not in self._parsed:
            self.found.trees[name] = metadata(self._objects, Kind.DIRTREE, name)
            self._parsed[name] = parse_dirtree(self.found.trees[name])
        return self._parsed[name]

    def _meta(self, name: str) -> None:
        if name not in self.found.metas:
            self.found.metas[name] = metadata(self._objects, Kind.DIRMETA, name)
            self.found.attributes[name] = parse_dirmeta(self.found.metas[name])

    def _count(self, number: int) -> None:
        self._names += number
        if self._names > NAMES:
            raise LimitExceeded(f"more than {NAMES} files and directories", limit=NAMES)


def _checked(above: str, name: str) -> str:
    """A path that an image can hold: engines take a whiteout's name for one wherever it stands."""
    path = above + name
    if name.startswith(WHITEOUT):
        raise UnsafeArchive(
            f"a name that says in an image that something is deleted: {path}", path=path, hint=RENAME
        )
    if len(path.encode()) > PATH_BYTES:
        raise UnsafeArchive(
            f"a path of more than {PATH_BYTES} bytes: {path[:80]}…", path=path[:PATH_BYTES], hint=RENAME
        )
    return path
