# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Whether a layer's commit is whole: all that it needs came, with it or in the layers of files before it.

Guarantees: the tree is walked as often as its directories stand in it, within bounds; nothing that the commit
does not need came with it. Leaves to others: that each object is what its name says (reading.py).
"""

from collections.abc import Collection

from appctld.errors import Failed, UnsafeArchive
from appctld.workers.store.native.quarantine import wrong
from appctld.workers.store.ostree.kinds import Kind
from appctld.workers.store.ostree.tree import DirTree, checksum, serialize_dirtree
from appctld.workers.store.ostree.writer import Writer
from appctld.workers.store.ostree_ext.reading import Layer
from appctld.workers.store.walk import walk

_EMPTY = checksum(serialize_dirtree(DirTree()))


def assemble(layer: Layer, before: Collection[str], writer: Writer) -> set[str]:
    """The names of all files of the layer's commit; those `before` came in other layers.

    Raises DigestMismatch (an object is missing), UnsafeArchive, LimitExceeded.
    """
    if layer.commit is None:
        raise Failed("a layer that was not read for its commit")
    found = _Found(layer, writer)
    walk(layer.commit.tree, layer.commit.meta, found)
    for name in sorted(found.files - layer.files):
        if name not in before:
            raise wrong(Kind.FILE, name, "missing")
    found.check_nothing_else()
    return found.files


class _Found:
    """The directories of a layer as a walk asks for them, and the files that they name."""

    def __init__(self, layer: Layer, writer: Writer) -> None:
        self._layer = layer
        self._writer = writer
        self._needed: set[str] = set()
        self.files: set[str] = set()

    def tree(self, name: str) -> DirTree:
        """See `walk.Directories`. The empty one is made here: an exporter leaves /sysroot's out."""
        if name == _EMPTY and name not in self._layer.trees:
            self._writer.tree(DirTree())
            return DirTree()
        if name not in self._layer.trees:
            raise wrong(Kind.DIRTREE, name, "missing")
        if name not in self._needed:
            self._needed.add(name)
            self.files |= set(self._layer.trees[name].files.values())
        return self._layer.trees[name]

    def meta(self, name: str) -> None:
        """See `walk.Directories`."""
        if name not in self._layer.metas:
            raise wrong(Kind.DIRMETA, name, "missing")
        self._needed.add(name)

    def check_nothing_else(self) -> None:
        """Refuse (`UnsafeArchive`) objects that only fill the disk."""
        for name in sorted((self._layer.trees.keys() | self._layer.metas) - self._needed):
            raise UnsafeArchive(f"an object that the commit does not need: {name}")
        for name in sorted(self._layer.files - self.files):
            raise UnsafeArchive(f"a file that the commit does not need: {name}")
