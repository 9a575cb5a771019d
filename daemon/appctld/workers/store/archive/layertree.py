# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The tree that one layer's entries make, held as names and numbers of contents until it is stored.

Guarantees: every path once; a hard link names an earlier file or symlink of the layer; an entry lies in a
directory, or behind symlinks of the layer that stay inside its tree; what has no entry of its own is
implicit; nodes, and whatever is kept or done for each, are bounded. Leaves to others: what a single entry may
be (tar.py), the layers below (union.py).
"""

from array import array
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from appctld.errors import LimitExceeded, UnsafeArchive
from appctld.workers.store.archive.entry import DEPTH, WHITEOUT, Entry, Path
from appctld.workers.store.ostree.tree import DirTree, Xattrs

NODES = 600_000  # entries and the directories that they imply: one deep path can imply two hundred
LINKS = 40  # symlinks on one path, as the kernel's MAXSYMLINKS
LINK_STEPS = 4_000_000  # parts of symlinks' targets walked: four for each of 1,000,000 entries; some seconds
TARGET_BYTES = 64 << 20  # symlinks' targets of one layer, kept in memory: 100,000 real ones have 3 MB
IMPLICIT_BYTES = 8 << 20  # their paths, which stand in the commit, and libostree reads no commit above 10 MiB
PACK_NODES = 50_000  # from here on directories are packed when they are left: these cost 9 MB unpacked
PACKED_FILES = 16  # a directory with fewer children is not worth it
_NUMBERS = "I"  # four bytes each, which NODES fits into
IMPLICIT_MODE = 0o755  # owner 0:0, no xattrs (docs/rules.md, "Layers")


class Writer(Protocol):
    """What stores directories: writer.Writer."""

    def tree(self, tree: DirTree) -> str:
        """Store a dirtree."""

    def meta(self, uid: int, gid: int, mode: int, xattrs: Xattrs = ()) -> str:
        """Store a dirmeta."""


class Symlink(NamedTuple):
    """A symlink's content object, and where it leads."""

    checksum: bytes
    target: str


class Directory:
    """A directory's children, of which regular files may be packed, a fifth as large.

    `meta` is the dirmeta's checksum (xattrs are not kept: 60 KiB each), None while the directory is implicit.
    """

    __slots__ = ("_children", "_names", "_numbers", "_pack_from", "meta")

    def __init__(self) -> None:
        self.meta: str | None = None
        self._children: dict[str, Node] = {}
        self._names = ""  # of packed files, with slashes between them
        self._numbers = array(_NUMBERS)
        self._pack_from = PACKED_FILES

    def among(self, name: str) -> "dict[str, Node]":
        """Children that are at hand; `name` is among them if the directory has it at all."""
        if self._names and name not in self._children:
            self._children.update(self._packed())
            self._names, self._numbers = "", array(_NUMBERS)
        return self._children

    def items(self) -> "Iterator[tuple[str, Node]]":
        """Every child."""
        yield from self._children.items()
        yield from self._packed()

    def directories(self) -> "Iterator[tuple[str, Directory]]":
        """The children that are directories; they are never packed."""
        return ((name, child) for name, child in self._children.items() if isinstance(child, Directory))

    def pack(self) -> None:
        """Keep the files in less memory, if they have doubled since the last time: so it stays cheap."""
        if len(self._children) < self._pack_from:  # as where some are packed: who adds one unpacks them first
            return
        files = {name: child for name, child in self._children.items() if isinstance(child, int)}
        self._pack_from = 2 * len(self._children)
        self._names, self._numbers = "/".join(files), array(_NUMBERS, files.values())
        self._children = {name: child for name, child in self._children.items() if name not in files}

    def _packed(self) -> Iterator[tuple[str, int]]:
        if self._names:
            yield from zip(self._names.split("/"), self._numbers, strict=True)


# A regular file is the number of its content (ostree/contents.py) and nothing else: of these there are
# hundreds of thousands. None is a device or FIFO that was dropped: its name is taken, and nothing is there.
Node = int | Symlink | Directory | None


class LayerTree:
    """Entries go in in the archive's order; every method raises UnsafeArchive or LimitExceeded."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._root = Directory()
        self._nodes = 1
        self._steps = 0
        self._target_bytes = 0
        self._last: tuple[Path, Directory] = (), self._root

    def add_directory(self, entry: Entry) -> None:
        """Make the directory, or give an implicit one its attributes."""
        there: Node = self._root
        if entry.path:
            name = entry.path[-1]
            children = self._parent(entry).among(name)
            there = children[name] if name in children else self._imply(children, name, entry)
        if not isinstance(there, Directory) or there.meta is not None:
            raise _twice(entry)
        there.meta = self._writer.meta(entry.uid, entry.gid, entry.mode, entry.xattrs)

    def place(self, entry: Entry) -> dict[str, Node]:
        """The directory's children, where something that is no directory has its name to itself."""
        name = entry.path[-1]
        children = self._parent(entry).among(name)
        if name in children:
            raise _twice(entry)
        self._count()
        return children

    def symlink(self, entry: Entry, checksum: str) -> Symlink:
        """What is kept of a symlink."""
        self._target_bytes += len(entry.target.encode())
        if self._target_bytes > TARGET_BYTES:
            raise LimitExceeded(f"more than {TARGET_BYTES} bytes of symlinks' targets", limit=TARGET_BYTES)
        return Symlink(bytes.fromhex(checksum), entry.target)

    def linked(self, entry: Entry) -> int | Symlink:
        """The earlier file or symlink that a hard link names."""
        found: Node = self._root
        if entry.link:
            directory = self._walk(entry.link[:-1], entry, create=False)
            found = directory.among(entry.link[-1]).get(entry.link[-1])
        if not isinstance(found, int | Symlink) or entry.link[-1].startswith(WHITEOUT):
            target = "/".join(entry.link) or "."
            raise UnsafeArchive(
                f"a hard link to {target}, which is no earlier file of the layer: {entry.name}",
                path=entry.name,
            )
        return found

    def implicit(self) -> list[str]:
        """Sorted paths of the directories that had no entry; "" is the root."""
        found, left = [], IMPLICIT_BYTES
        for path in _implicit(self._root, ()):
            left -= len(path.encode()) + 1
            if left < 0:
                raise LimitExceeded(
                    f"more than {IMPLICIT_BYTES} bytes of paths of directories without an entry",
                    limit=IMPLICIT_BYTES,
                )
            found.append(path)
        return sorted(found)

    def store(self, checksum: Callable[[int], bytes]) -> tuple[str, str]:
        """Store every directory; the root's dirtree and dirmeta. `checksum` says what a number stands for."""
        return _store(self._root, self._writer, checksum)

    def _parent(self, entry: Entry) -> Directory:
        """Where the entry lies; most lie where the one before them did."""
        above = entry.path[:-1]
        if above == self._last[0]:
            return self._last[1]
        if self._nodes > PACK_NODES:
            self._last[1].pack()
        steps = self._steps
        found = self._walk(above, entry, create=True)
        if self._steps == steps:  # a way through symlinks is counted each time, and so walked each time
            self._last = above, found
        return found

    def _walk(self, path: Path, entry: Entry, *, create: bool) -> Directory:
        """The directory at `path`, through symlinks of this layer as umoci follows them, never out of it."""
        way, todo, links = [self._root], list(reversed(path)), 0
        while todo:
            name = todo.pop()
            if name == "..":
                _up(way, entry)
                continue
            children = way[-1].among(name)
            if create and name not in children:
                self._imply(children, name, entry)
            child = children.get(name)
            if isinstance(child, Directory):
                way.append(child)
            elif isinstance(child, Symlink) and links < LINKS:
                links += 1
                way = way[:1] if child.target.startswith("/") else way
                todo += [part for part in reversed(self._parts(child.target)) if part not in {"", "."}]
            else:
                raise UnsafeArchive(f"{name!r} on the way to {entry.name} is no directory", path=entry.name)
            if len(way) > DEPTH:
                raise LimitExceeded(f"more than {DEPTH} directories below each other", path=entry.name)
        return way[-1]

    def _parts(self, target: str) -> list[str]:
        parts = target.split("/")
        self._steps += len(parts)
        if self._steps > LINK_STEPS:
            raise LimitExceeded(f"more than {LINK_STEPS} steps through symlinks", limit=LINK_STEPS)
        return parts

    def _imply(self, children: dict[str, Node], name: str, entry: Entry) -> Directory:
        if name.startswith(WHITEOUT):
            raise UnsafeArchive(f"an entry below a whiteout: {entry.name}", path=entry.name)
        self._count()
        implied = Directory()
        children[name] = implied
        return implied

    def _count(self) -> None:
        self._nodes += 1
        if self._nodes > NODES:
            raise LimitExceeded(f"more than {NODES} files and directories", limit=NODES)


def _up(way: list[Directory], entry: Entry) -> None:
    """One directory up, on a symlink's way."""
    if len(way) == 1:
        raise UnsafeArchive(f"a symlink on the way to {entry.name} leaves the tree", path=entry.name)
    if way[-1].meta is None:
        # It may be a symlink in a layer below, and then its parent is elsewhere
        raise UnsafeArchive(
            f"a symlink on the way to {entry.name} climbs out of a directory that the layer does not have",
            path=entry.name,
        )
    way.pop()


def _twice(entry: Entry) -> UnsafeArchive:
    return UnsafeArchive(f"{entry.name} stands in the archive twice", path=entry.name)


def _implicit(directory: Directory, path: Path) -> Iterator[str]:
    if directory.meta is None:
        yield "/".join(path)
    for name, child in directory.directories():
        yield from _implicit(child, (*path, name))


def _store(directory: Directory, writer: Writer, checksum: Callable[[int], bytes]) -> tuple[str, str]:
    files, dirs = {}, {}
    for name, child in directory.items():
        match child:
            case int():
                files[name] = checksum(child).hex()
            case Symlink():
                files[name] = child.checksum.hex()
            case Directory():
                dirs[name] = _store(child, writer, checksum)
            case None:
                pass
    return writer.tree(DirTree(files, dirs)), directory.meta or writer.meta(0, 0, IMPLICIT_MODE)
