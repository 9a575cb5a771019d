# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Layers that hold an OSTree commit, entry by entry, in every version of the format and with every lie in it.

    published = Published({"d": {"f": File(b"text"), "l": Link("f")}})
    parts = published.layer("shared")            # [(label, bytes of the tar), …]
    sealed = archive(*(data for _, data in parts))

A label is the path below `sysroot/ostree/repo/`, or the whole one of an entry elsewhere. `VERSIONS` are the
ways in which xattrs were written: shared through hard links, inline (where links ran out), and version 0's.
"""

import hashlib
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, Unpack

from appctld.workers.store.ostree.commit import Commit, serialize_commit
from appctld.workers.store.ostree.objects import FileHead, checksum
from appctld.workers.store.ostree.tree import (
    DirTree,
    Xattrs,
    serialize_dirmeta,
    serialize_dirtree,
    serialize_xattrs,
)
from support.layers.tarball import Fields, entry, gnu_long

REPO = "sysroot/ostree/repo"
CONFIG = b"[core]\nrepo_version=1\nmode=bare-split-xattrs\n"
VERSIONS = ("shared", "inline", "old")

Part = tuple[str, bytes]


@dataclass(frozen=True)
class File:
    content: bytes = b""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    xattrs: Xattrs = ()


@dataclass(frozen=True)
class Link:
    target: str


Tree: TypeAlias = Mapping[str, "File | Link | Tree"]


@dataclass
class Published:
    """A commit and its objects: `metadata` by `<suffix>` and name, `files` by name."""

    tree: Tree
    metadata: dict[str, dict[str, bytes]] = field(default_factory=dict)
    files: dict[str, tuple[FileHead, bytes]] = field(default_factory=dict)
    paths: dict[str, list[str]] = field(default_factory=dict)
    commit: str = ""
    meta: bytes = serialize_dirmeta(0, 0, 0o755)
    timestamp: int = 1_700_000_000

    def __post_init__(self) -> None:
        meta = self._add("dirmeta", self.meta)
        self.root = self._tree(self.tree, "", meta)
        made = Commit(self.root, meta, self.timestamp, {"xa.metadata": "", "version": "1"})
        self.commit = self._add("commit", serialize_commit(made))

    def _tree(self, tree: Tree, path: str, meta: str) -> str:
        files, dirs = {}, {}
        for name, child in tree.items():
            if isinstance(child, Mapping):
                dirs[name] = self._tree(child, f"{path}{name}/", meta), meta
            else:
                files[name] = self._file(child, path + name)
        return self._add("dirtree", serialize_dirtree(DirTree(files, dirs)))

    def _file(self, child: File | Link, path: str) -> str:
        if isinstance(child, Link):
            head, content = FileHead(0, 0, stat.S_IFLNK | 0o777, child.target), b""
        else:
            head = FileHead(child.uid, child.gid, stat.S_IFREG | child.mode, "", child.xattrs)
            content = child.content
        name = checksum(head, [content])
        self.files[name] = head, content
        self.paths.setdefault(name, []).append(path)
        return name

    def _add(self, suffix: str, data: bytes) -> str:
        name = hashlib.sha256(data).hexdigest()
        self.metadata.setdefault(suffix, {})[name] = data
        return name

    # --- layers

    def layer(
        self, version: str = "shared", *, detached: bytes | None = b"", files: bool = True
    ) -> list[Part]:
        """The layer of the commit; without `files`, those are in layers of their own."""
        parts = [*skeleton(version), *self._directories(detached)]
        return [*parts, *self.chunk(*self.files, version=version)] if files else parts

    def files_layer(self, *names: str, version: str = "shared") -> list[Part]:
        """A layer of these files and nothing else."""
        return [*skeleton(version), *self.chunk(*names, version=version)]

    def chunk(self, *names: str, version: str) -> list[Part]:
        """The entries of these files."""
        seen: set[str] = set()
        return [part for name in names for part in self._entries(name, version, seen)]

    def _directories(self, detached: bytes | None) -> Iterator[Part]:
        yield obj(self.commit, "commit", self.metadata["commit"][self.commit])
        if detached is not None:
            yield obj(self.commit, "commitmeta", detached)
        for suffix in ("dirmeta", "dirtree"):
            for name, data in self.metadata[suffix].items():
                yield obj(name, suffix, data)

    def _entries(self, name: str, version: str, seen: set[str]) -> Iterator[Part]:
        head, content = self.files[name]
        yield from xattrs_of(name, serialize_xattrs(head.xattrs), version, seen)
        fields: Fields = {"uid": head.uid, "gid": head.gid, "mode": head.mode & 0o7777}
        target = head.target.encode()
        whole: Fields = {**fields, "link": target}
        yield obj(name, "file", content, b"2" if target else b"0", **whole)
        for path in self.paths[name]:
            if target or content:
                whole["link"] = f"{REPO}/{loose(name, 'file')}".encode()
                yield path, named(path, b"1", **whole)
            else:
                yield path, named(path, **fields)


def changed(parts: list[Part], label: str, *instead: Part) -> list[Part]:
    """The same parts, with others in the place of the one of that label."""
    labels = [found for found, _ in parts]
    at = labels.index(label)
    return [*parts[:at], *instead, *parts[at + 1 :]]


def skeleton(version: str = "shared") -> list[Part]:
    """What stands before the first object; of the directories of objects, two."""
    names = ["", "/objects", "/objects/00", "/objects/ff", "/refs", "/refs/heads", "/tmp", "/tmp/cache"]
    parts = [("sysroot", directory("sysroot")), ("sysroot/ostree", directory("sysroot/ostree"))]
    parts += [(name.removeprefix("/") or ".", directory(REPO + name)) for name in names]
    if version == "old":
        return [*parts, ("xattrs", directory(f"{REPO}/xattrs"))]
    return [*parts, ("config", named(f"{REPO}/config", content=CONFIG))]


def xattrs_of(name: str, data: bytes, version: str, seen: set[str]) -> Iterator[Part]:
    """What stands before a file."""
    sum_ = hashlib.sha256(data).hexdigest()
    if version == "inline":
        yield obj(name, "file-xattrs-link", data)
        return
    if version == "old" and not data:
        return
    where = f"xattrs/{sum_}" if version == "old" else loose(sum_, "file-xattrs")
    if sum_ not in seen:
        seen.add(sum_)
        yield where, named(f"{REPO}/{where}", content=data)
    suffix = "file.xattrs" if version == "old" else "file-xattrs-link"
    yield obj(name, suffix, kind=b"1", link=f"{REPO}/{where}".encode())


def loose(name: str, suffix: str) -> str:
    return f"objects/{name[:2]}/{name[2:]}.{suffix}"


def obj(name: str, suffix: str, content: bytes = b"", kind: bytes = b"0", **fields: Unpack[Fields]) -> Part:
    """An entry below the repository, with its label."""
    where = loose(name, suffix)
    return where, named(f"{REPO}/{where}", kind, content, **fields)


def directory(name: str) -> bytes:
    return named(name, b"5", mode=0o755)


def named(name: str, kind: bytes = b"0", content: bytes = b"", **fields: Unpack[Fields]) -> bytes:
    """An entry whose name and link may be long, as the exporter writes them."""
    raw, link, before = name.encode(), fields.get("link", b""), b""
    if len(raw) > 100:
        before, raw = before + gnu_long(b"L", raw), raw[:100]
    if len(link) > 100:
        before, link = before + gnu_long(b"K", link), link[:100]
    fields["link"] = link
    return before + entry(raw, kind, content, **fields)
