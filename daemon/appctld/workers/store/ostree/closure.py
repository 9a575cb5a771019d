# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a commit consists of, and whether all of it is still what it was.

Guarantees: every dirtree and dirmeta met on the way was hashed again and validated (R12). Content is not
read; `check_content` looks at every object's inode, and hashes only what looks touched. Leaves to others:
what to do about a commit that is not whole; its caller hears RepoCorrupt.
"""

import os
import stat
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from appctld.errors import RepoCorrupt
from appctld.workers.store.ostree.kinds import Kind, loose_path
from appctld.workers.store.ostree.objects import FileHead
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.ostree.tree import DirMeta, DirTree

_MODE = slice(8, 12)  # of user.ostreemeta, a (uuua(ayay)) of uid, gid, mode and xattrs, big-endian
_DISK_MODES = {0o444, 0o555}  # R12


class Metadata(Protocol):
    """Who reads and validates directories: the repository, or who remembers what it read there."""

    def tree(self, name: str) -> DirTree:
        """A stored dirtree."""

    def meta(self, name: str) -> DirMeta:
        """A stored dirmeta."""


@dataclass
class Closure:
    """Checksums of all that one or more commits need, by kind."""

    objects: dict[Kind, set[str]] = field(default_factory=lambda: {kind: set() for kind in Kind})

    @property
    def files(self) -> set[str]:
        """The content objects."""
        return self.objects[Kind.FILE]


def closure(repository: Repository, commits: Iterable[str]) -> Closure:
    """Walk commits; RepoCorrupt where metadata is missing or another, UnsafeArchive where R12 refuses it."""
    found = Closure()
    for name in commits:
        commit = repository.commit(name)
        found.objects[Kind.COMMIT].add(name)
        _walk(repository, found, commit.tree, commit.meta)
    return found


def reached(metadata: Metadata, tree: str, meta: str) -> Closure:
    """The same of one tree, whose directories somebody may have read before."""
    found = Closure()
    _walk(metadata, found, tree, meta)
    return found


def _walk(metadata: Metadata, found: Closure, tree: str, meta: str) -> None:
    waiting = [(tree, meta)]
    trees, metas = found.objects[Kind.DIRTREE], found.objects[Kind.DIRMETA]
    while waiting:
        tree, meta = waiting.pop()
        if meta not in metas:
            metadata.meta(meta)
            metas.add(meta)
        if tree not in trees:
            here = metadata.tree(tree)
            trees.add(tree)
            found.files.update(here.files.values())
            waiting += here.dirs.values()


class Inode(NamedTuple):
    """What was seen of a content object: bytes, permissions, hard links, and nanoseconds of its time.

    A tree may have hundreds of thousands of objects, and fewer kinds of them: equal ones are one, where the
    results of as many stat(2) would be most of a deployment's memory.
    """

    size: int
    mode: int
    links: int
    time: int


def content_size(repository: Repository, files: Iterable[str]) -> int:
    """Bytes of these content objects, each counted once; a missing one is RepoCorrupt."""
    return sum(inode.size for _, inode in _looks(repository, files))


def check_content(
    repository: Repository, files: Collection[str], expected_size: int | None = None
) -> dict[str, Inode]:
    """Look at every content object, hash again what looks touched, and mend its mode; what was seen of each.

    An object as we left it is a regular file, 0444 or 0555, of mtime 0. libostree keeps no sizes, so these
    are compared as a sum: another than `expected_size` has every object hashed. Raises RepoCorrupt.
    """
    kinds: dict[Inode, Inode] = {}
    found = {name: kinds.setdefault(inode, inode) for name, inode in _looks(repository, files)}
    suspicious = expected_size is not None and size_of(found.values()) != expected_size
    for name, inode in found.items():
        if suspicious or not _untouched(inode):
            repository.verify(Kind.FILE, name)
            _mend(repository, name)
            found |= _looks(repository, [name])
    return found


def size_of(inodes: Iterable[Inode]) -> int:
    """Bytes of all of them together."""
    return sum(inode.size for inode in inodes)


def _looks(repository: Repository, files: Iterable[str]) -> Iterator[tuple[str, Inode]]:
    """What the file system says about content objects; RepoCorrupt for one that is no regular file."""
    directory = repository.directory
    for name in files:
        try:
            status = os.stat(loose_path(Kind.FILE, name), dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError as error:
            raise RepoCorrupt(f"the file object {name} is missing", checksum=name) from error
        if not stat.S_ISREG(status.st_mode):  # not to be hashed either: opening a FIFO would wait for ever
            raise RepoCorrupt(f"the file object {name} is no regular file", checksum=name)
        mode = stat.S_IMODE(status.st_mode)
        yield name, Inode(status.st_size, mode, status.st_nlink, status.st_mtime_ns)


def _untouched(inode: Inode) -> bool:
    return inode.time == 0 and inode.mode in _DISK_MODES


def _mend(repository: Repository, name: str) -> None:
    """Bring an object whose content is right back to the inode that we left."""
    path = loose_path(Kind.FILE, name)
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=repository.directory)
    try:
        mode = int.from_bytes(os.getxattr(descriptor, "user.ostreemeta")[_MODE], "big")
        os.fchmod(descriptor, FileHead(0, 0, mode).disk_mode)
        os.utime(descriptor, ns=(0, 0))
    finally:
        os.close(descriptor)
