# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The merged tree while it is in the making: directories that are read when somebody looks into them.

Guarantees: a directory in which nothing changed keeps its dirtree's checksum and is not read for its own
sake; each knows which layer brought what, so that a layer that says two things about one place is found.
Leaves to others: what a layer means (union.py), where objects are stored (`Objects`).
"""

from typing import NamedTuple, Protocol

from appctld.errors import LimitExceeded
from appctld.workers.store.archive.entry import OPAQUE, WHITEOUT
from appctld.workers.store.ostree.tree import DirTree

DEPTH = 250  # levels of directories: real images have 30; libostree walks 256 deep, and Python recurses 1000

IMPLICIT = -1  # stands for a layer where no layer gave a directory its attributes


class Objects(Protocol):
    """What the algebra needs of a repository."""

    implicit_meta: str
    """The dirmeta of 0755 0:0 without xattrs; it is stored."""

    def dirtree(self, name: str) -> DirTree:
        """Read a dirtree."""

    def add_dirtree(self, tree: DirTree) -> str:
        """Store a dirtree; its checksum."""

    def symlink_target(self, name: str) -> str | None:
        """Read where a content object points; None if it is no symlink."""


class File(NamedTuple):
    """A child that is no directory, and the layer that brought it."""

    content: str
    layer: int


class Directory:
    """A directory of the merged tree, whose children are read when somebody looks."""

    def __init__(self, objects: Objects, parent: "Directory | None", meta: str, layer: int) -> None:
        self.parent = parent
        self.meta = meta
        self.layer = layer  # who gave it its attributes
        self.touched = layer  # the last layer that put something here or below
        self.same_as: str | None = None  # the dirtree it equals
        self._objects = objects
        self.depth: int = parent.depth + 1 if parent else 0
        self._files: dict[str, File] = {}
        self._dirs: dict[str, Directory] = {}
        self._unread: tuple[str, int] | None = None  # a dirtree and the layer that brought it
        _check_depth(self.depth)

    @property
    def files(self) -> dict[str, File]:
        """Children that are no directories."""
        self._read()
        return self._files

    @property
    def dirs(self) -> "dict[str, Directory]":
        """Children that are directories."""
        self._read()
        return self._dirs

    @property
    def empty(self) -> bool:
        """Whether nothing is in it, without reading."""
        return not (self._unread or self._files or self._dirs)

    def adopt(self, tree: str, layer: int, height: int) -> None:
        """Take over a whole dirtree of `height` levels, unread; only into an empty directory."""
        _check_depth(self.depth + height)
        self.change(layer)
        self.same_as = tree
        self._unread = (tree, layer)

    def change(self, layer: int | None = None) -> None:
        """Note that this directory is no longer what it was; `layer` put something into it."""
        above: Directory | None = self
        while above is not None:
            above.same_as = None
            if layer is not None:
                above.touched = layer
            above = above.parent

    def make(self, name: str, meta: str, layer: int, given_by: int) -> "Directory":
        """Put a new, empty directory here, in the place of whatever file has that name."""
        self.files.pop(name, None)
        below = self._dirs[name] = Directory(self._objects, self, meta, given_by)
        below.change(layer)
        return below

    def remove(self, name: str) -> None:
        """Carry out one whiteout."""
        if name == OPAQUE:
            self._unread, self._files, self._dirs = None, {}, {}
        else:
            self.files.pop(name.removeprefix(WHITEOUT), None)
            self.dirs.pop(name.removeprefix(WHITEOUT), None)
        self.change()

    def store(self) -> str:
        """Write what is new here and below; the checksum of the dirtree."""
        if self.same_as is None:
            files = {name: file.content for name, file in self.files.items()}
            dirs = {name: (below.store(), below.meta) for name, below in self.dirs.items()}
            self.same_as = self._objects.add_dirtree(DirTree(files, dirs))
        return self.same_as

    def _read(self) -> None:
        if self._unread is None:
            return
        (name, layer), self._unread = self._unread, None
        tree = self._objects.dirtree(name)
        self._files = {file: File(content, layer) for file, content in tree.files.items()}
        for directory, (below, meta) in tree.dirs.items():
            child = self._dirs[directory] = Directory(self._objects, self, meta, layer)
            child.same_as, child._unread = below, (below, layer)


def _check_depth(depth: int) -> None:
    if depth > DEPTH:
        raise LimitExceeded(f"more than {DEPTH} directories below each other")
