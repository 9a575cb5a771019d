# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The union of an image's layers, by algebra on dirtrees (docs/rules.md, "Layers").

Guarantees: no file is read but the targets of symlinks that stand in a layer's way; a subtree that no layer
changed keeps its checksum; whatever tools disagree about is `UnsafeArchive`, naming path and layer; the work
is bounded over all layers. Leaves to others: what a tar may hold (tar.py refused it), where objects are
stored (`Objects`).

A layer is applied in two steps. Its whiteouts are resolved against the tree below it, all of them before the
first is carried out, so their order means nothing. Then its entries: in each directory what is no directory,
then the directories with an entry of their own, then the implicit ones, which may lead through symlinks.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from appctld.errors import LimitExceeded, UnsafeArchive
from appctld.workers.store.archive.entry import OPAQUE, WHITEOUT
from appctld.workers.store.directory import DEPTH, IMPLICIT, Directory, File, Objects

LINKS = 40  # symlinks in one path, as the kernel's MAXSYMLINKS
LINK_STEPS = 1_000_000  # parts of symlinks' targets in one merge: real images have some hundred
NAMES = 1_000_000  # in all layers of one merge: a full TeX Live has 200,000; each costs up to a KiB of memory


@dataclass(frozen=True)
class Layer:
    """One layer commit: its root, and which of its directories had no entry of their own ("" is the root)."""

    name: str
    tree: str
    meta: str
    implicit: frozenset[str] = frozenset()


def union(layers: list[Layer], objects: Objects) -> tuple[str, str]:
    """Merge layers, lowest first; (root dirtree, root dirmeta) of the result, all of it stored.

    Raises `UnsafeArchive` and `LimitExceeded`, with `path` and `layer` in their data.
    """
    work = _Work()
    root = Directory(objects, None, objects.implicit_meta, IMPLICIT)
    for number, layer in enumerate(layers):
        try:
            _Application(layer, number, objects, work).apply(root)
        except (LimitExceeded, UnsafeArchive) as error:
            error.detail = f"layer {number + 1}: {error.detail}"
            raise error.about(layer=layer.name) from error
    return root.store(), root.meta


@dataclass(frozen=True)
class _Survey:
    """What is to be known of a layer's dirtree before it is applied."""

    hides: bool  # a whiteout is in it or below
    height: int  # levels of directories below it
    names: int  # in it and below


class _Work:
    """What is known, and what was done, over all layers of one merge."""

    def __init__(self) -> None:
        self.surveyed: dict[str, _Survey] = {}  # by dirtree
        self._names = 0
        self._steps = 0

    def count_names(self, number: int) -> None:
        self._names += number
        if self._names > NAMES:
            raise LimitExceeded(f"more than {NAMES} names in all layers", limit=NAMES)

    def count_steps(self, number: int, path: str) -> None:
        self._steps += number
        if self._steps > LINK_STEPS:
            raise LimitExceeded(f"more than {LINK_STEPS} steps through symlinks", limit=LINK_STEPS, path=path)


class _Application:
    """One layer on its way into the merged tree."""

    def __init__(self, layer: Layer, number: int, objects: Objects, work: _Work) -> None:
        self._layer = layer
        self._number = number
        self._objects = objects
        self._work = work
        self._surveyed = work.surveyed
        self._brought: dict[str, bool] = {}  # by path of an implicit directory

    def apply(self, root: Directory) -> None:
        self._work.count_names(self._survey(self._layer.tree, "", 0).names)
        if "" not in self._layer.implicit:
            root.meta = self._layer.meta
        for where, name in list(self._whiteouts(self._layer.tree, root, "")):
            where.remove(name)
        self._entries(self._layer.tree, root, "")

    def _survey(self, tree: str, path: str, depth: int) -> _Survey:
        """Look once at every dirtree of the layer."""
        if tree in self._surveyed:
            return self._surveyed[tree]
        if depth > DEPTH:
            raise LimitExceeded(f"more than {DEPTH} directories below each other", path=path)
        here = self._objects.dirtree(tree)
        hides, height, names = [_is_whiteout(name, path) for name in here.files], 0, len(here.files)
        for name, (inner, _) in here.dirs.items():
            if name.startswith(WHITEOUT):
                raise _unsafe(_join(path, name), "is a whiteout and a directory")
            below = self._survey(inner, _join(path, name), depth + 1)
            hides.append(below.hides)
            height = max(height, below.height + 1)
            names += below.names + 1
        self._surveyed[tree] = _Survey(any(hides), height, names)
        return self._surveyed[tree]

    def _whiteouts(self, tree: str, where: Directory, path: str) -> Iterator[tuple[Directory, str]]:
        """What the layer hides: (directory of the tree below, name of the whiteout)."""
        upper = self._objects.dirtree(tree)
        hidden = [name for name in upper.files if _is_whiteout(name, path)]
        yield from ((where, name) for name in hidden)
        for name, (inner, _) in upper.dirs.items():
            # What is hidden itself has nothing below that could be
            if not self._surveyed[inner].hides or OPAQUE in hidden or WHITEOUT + name in hidden:
                continue
            below = self._below(where, name, _join(path, name))
            if below is not None:
                yield from self._whiteouts(inner, below, _join(path, name))

    def _below(self, where: Directory, name: str, path: str) -> Directory | None:
        """The lower directory that the layer's directory `path` lies over, if there is one."""
        if path in self._layer.implicit:
            return self._walk(where, name, path, create=False)
        return where.dirs.get(name)

    def _entries(self, tree: str, where: Directory, path: str) -> None:
        if where.empty and not self._surveyed[tree].hides:
            where.adopt(tree, self._number, self._surveyed[tree].height)
            return
        upper = self._objects.dirtree(tree)
        for name, content in upper.files.items():
            if not _is_whiteout(name, path):
                self._put(where, name, content, _join(path, name))
        implicit = {name for name in upper.dirs if _join(path, name) in self._layer.implicit}
        for name in sorted(upper.dirs.keys() - implicit):
            inner, meta = upper.dirs[name]
            self._entries(inner, self._enter(where, name, meta, _join(path, name)), _join(path, name))
        for name in sorted(implicit):
            self._pass_through(where, name, upper.dirs[name][0], _join(path, name))

    def _put(self, where: Directory, name: str, content: str, path: str) -> None:
        """A file or symlink takes the place of whatever is there."""
        directory = where.dirs.get(name)
        if directory is not None and directory.touched == self._number:
            raise _twice(path)
        self._check_new(where, name, path)
        where.dirs.pop(name, None)
        where.files[name] = File(content, self._number)
        where.change(self._number)

    def _enter(self, where: Directory, name: str, meta: str, path: str) -> Directory:
        """A directory with an entry of its own: over a directory it replaces attributes, else all."""
        below = where.dirs.get(name)
        if below is None:
            self._check_new(where, name, path)
            return where.make(name, meta, self._number, self._number)
        if below.layer == self._number:
            raise _twice(path)
        below.meta, below.layer = meta, self._number
        where.change(self._number)
        below.touched = self._number
        return below

    def _pass_through(self, where: Directory, name: str, tree: str, path: str) -> None:
        """A directory without an entry of its own: only what is in it matters."""
        if self._brings(tree, path):
            below = self._walk(where, name, path, create=True)
            if below is not None:
                self._entries(tree, below, path)

    def _brings(self, tree: str, path: str) -> bool:
        """Whether an implicit directory is there for more than its whiteouts."""
        if not self._surveyed[tree].hides:
            return True
        if path not in self._brought:
            self._brought[path] = self._looks_brought(tree, path)
        return self._brought[path]

    def _looks_brought(self, tree: str, path: str) -> bool:
        upper = self._objects.dirtree(tree)
        if any(not _is_whiteout(name, path) for name in upper.files):
            return True
        inside = ((_join(path, name), below) for name, (below, _) in upper.dirs.items())
        return any(at not in self._layer.implicit or self._brings(below, at) for at, below in inside)

    def _check_new(self, where: Directory, name: str, path: str) -> None:
        """A layer that reaches one place by two paths says two things about it; tools take either."""
        file = where.files.get(name)
        if file is not None and file.layer == self._number:
            raise _twice(path)

    def _walk(self, where: Directory, name: str, path: str, *, create: bool) -> Directory | None:
        """Find the merged directory that `name` leads to, through symlinks that stay inside.

        What does not exist is made (`create`) or None. Walks our own tree, never the file system.
        """
        pending, links = [name], 0  # components still to go, the next one last
        while pending:
            part = pending.pop()
            if part in {"", "."}:
                continue
            if part == "..":
                where = _parent(where, path)
            elif part in where.files:
                links += 1
                target = self._target(where.files[part].content, path, links)
                where = _root(where) if target.startswith("/") else where
                parts = target.split("/")
                self._work.count_steps(len(parts), path)
                pending += reversed(parts)
            elif part in where.dirs:
                where = where.dirs[part]
            elif not create:
                return None
            else:
                if ".." in pending:
                    raise _unsafe(path, "lies below a symlink to a parent of nothing")
                where = where.make(part, self._objects.implicit_meta, self._number, IMPLICIT)
        return where

    def _target(self, content: str, path: str, links: int) -> str:
        target = self._objects.symlink_target(content)
        if not target:
            raise _unsafe(path, "lies below something that is neither directory nor symlink")
        if links > LINKS:
            raise _unsafe(path, f"lies below more than {LINKS} symlinks")
        return target


def _is_whiteout(name: str, path: str) -> bool:
    if not name.startswith(WHITEOUT):
        return False
    if name != OPAQUE and (name in {".wh.", ".wh..", ".wh..."} or name.startswith(".wh..wh.")):
        raise _unsafe(_join(path, name), "is a whiteout of nothing that can be")
    return True


def _unsafe(path: str, why: str) -> UnsafeArchive:
    return UnsafeArchive(f"/{path} {why}", path=path)


def _twice(path: str) -> UnsafeArchive:
    return _unsafe(path, "is written twice by one layer, by way of a symlink")


def _parent(where: Directory, path: str) -> Directory:
    if where.parent is None:
        raise _unsafe(path, "lies below a symlink that leads out of the tree")
    return where.parent


def _root(where: Directory) -> Directory:
    while where.parent is not None:
        where = where.parent
    return where


def _join(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name
