# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The files of an image, all its layers over each other; names and modes alone, contents are read when asked.

Whiteouts act as docs/rules.md ("Layers") says. Symlinks are followed inside the tree. An image that holds an
OSTree commit has its files at their real paths as hard links, which are followed too.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from appctld.workers.store.archive.entry import OPAQUE, WHITEOUT, Entry, Type

LINKS = 40  # as a kernel follows
_PARTS = frozenset({"", "."})


@dataclass(slots=True)
class Node:
    """A file; `layer` is the number of the layer that it came with, `entry` what stood there."""

    entry: Entry
    layer: int
    children: dict[str, "Node"] = field(default_factory=dict)


class Tree:
    """`add` the layers, the lowest first."""

    def __init__(self) -> None:
        self.root = Node(Entry(Type.DIRECTORY, (), 0o755), 0)

    def add(self, entries: Iterable[Entry], layer: int) -> None:
        """Put a layer on top."""
        found = [entry for entry in entries if not entry.type.dropped]
        for entry in found:
            if entry.path and entry.path[-1].startswith(WHITEOUT):
                self._hide(entry)
        for entry in found:
            if not entry.path or not entry.path[-1].startswith(WHITEOUT):
                self._put(entry, layer)

    def find(self, path: str) -> Node | None:
        """What is at a path, symlinks followed, a hard link's file itself; None where nothing is."""
        node = self._walk(tuple(path.split("/")), LINKS)
        if node is not None and node.entry.type is Type.HARDLINK:
            return self._at(node.entry.link)
        return node

    def below(self, path: str) -> Iterator[tuple[str, Node]]:
        """Every path below a directory that is there, with what is at it, in order."""
        start = self.find(path)
        if start is not None:
            yield from _below(path.strip("/"), start)

    def _hide(self, entry: Entry) -> None:
        *above, last = entry.path
        parent = self._at(tuple(above))
        if parent is None:
            return
        if last == OPAQUE:
            parent.children.clear()
        else:
            parent.children.pop(last.removeprefix(WHITEOUT), None)

    def _put(self, entry: Entry, layer: int) -> None:
        if not entry.path:
            self.root.entry = entry
            return
        *above, last = entry.path
        parent = self._directory(above, layer)
        old = parent.children.get(last)
        keeps = old is not None and entry.type is Type.DIRECTORY and old.entry.type is Type.DIRECTORY
        parent.children[last] = Node(entry, layer, old.children if keeps and old else {})

    def _directory(self, parts: list[str], layer: int) -> Node:
        """The directory of an entry; one that no entry of its own made is there all the same."""
        node = self.root
        for number, part in enumerate(parts, 1):
            path = tuple(parts[:number])
            below = node.children.setdefault(part, Node(Entry(Type.DIRECTORY, path, 0o755), layer))
            node = self._followed(below) or below
        return node

    def _followed(self, node: Node) -> Node | None:
        if node.entry.type is not Type.SYMLINK:
            return node
        return self._walk(_target(node.entry), LINKS)

    def _at(self, path: tuple[str, ...]) -> Node | None:
        node: Node | None = self.root
        for part in path:
            node = node.children.get(part) if node is not None else None
        return node

    def _walk(self, path: tuple[str, ...], links: int) -> Node | None:
        """Follow symlinks at every component, inside the tree; `..` stays in it as well."""
        trail = [self.root]
        for number, part in enumerate(path):
            if part in _PARTS or part == "..":
                trail = trail[:-1] if part == ".." and len(trail) > 1 else trail
                continue
            node = trail[-1].children.get(part)
            if node is None:
                return None
            if node.entry.type is Type.SYMLINK:
                rest = path[number + 1 :]
                return self._walk((*_target(node.entry), *rest), links - 1) if links else None
            trail.append(node)
        return trail[-1]


def _target(entry: Entry) -> tuple[str, ...]:
    above = () if entry.target.startswith("/") else entry.path[:-1]
    return (*above, *entry.target.split("/"))


def _below(path: str, node: Node) -> Iterator[tuple[str, Node]]:
    waiting = [(path, node)]
    while waiting:
        where, at = waiting.pop()
        names = sorted(at.children, reverse=True)
        waiting += [(f"{where}/{name}".lstrip("/"), at.children[name]) for name in names]
        if at is not node:
            yield where, at
