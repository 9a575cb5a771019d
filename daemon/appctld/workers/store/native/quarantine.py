# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A quarantine: the bare-user repository that a pull filled, read as what a stranger may have made.

Guarantees: libostree never sees it, nor is its configuration or a ref of it read; a path in it is made of a
checksum's hex digits; no symlink is followed, nothing is waited for, and only regular files are read; what is
read is counted and bounded. Leaves to others: whether the bytes are what their name says (importing.py).
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from appctld.errors import DigestMismatch, LimitExceeded
from appctld.workers.store import disk
from appctld.workers.store.archive.entry import parse_text
from appctld.workers.store.names import check_checksum
from appctld.workers.store.ostree.failures import translated
from appctld.workers.store.ostree.kinds import Kind
from appctld.workers.store.ostree.objects import FileHead, parse_head
from appctld.workers.store.ostree.writer import METADATA_BYTES

ATTRIBUTES_BYTES = 64 << 10  # of user.ostreemeta: the kernel keeps no longer value (XATTR_SIZE_MAX)

_CHUNK = 1 << 20  # as of any stream: hashing and writing set the pace
# Without O_NONBLOCK a FIFO would wait for somebody who writes
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Content:
    """A file's object as it claims to be; `chunks` gives `size` bytes, once, or raises DigestMismatch."""

    head: FileHead
    size: int
    chunks: Iterator[bytes]


class Quarantine:
    """One quarantine, of which at most `max_bytes` are read; `count` are what was."""

    def __init__(self, directory: int, max_bytes: int, stack: contextlib.ExitStack) -> None:
        self.count = 0
        self._directory = directory
        self._max_bytes = max_bytes
        self._stack = stack
        self._shards: dict[str, int] = {}

    @classmethod
    @contextlib.contextmanager
    def opened(cls, path: Path, max_bytes: int) -> Iterator["Quarantine"]:
        """The quarantine in a directory that is no symlink."""
        with contextlib.ExitStack() as stack:
            with translated("opening a quarantine"):
                directory = stack.enter_context(disk.opened(path))
            yield cls(directory, max_bytes, stack)

    def metadata(self, kind: Kind, name: str) -> bytes | None:
        """What lies there as a commit, dirtree or dirmeta; None if nothing does.

        Raises DigestMismatch (it cannot be one), LimitExceeded.
        """
        with self._object(kind, name) as (descriptor, size):
            if descriptor is None:
                return None
            if size > METADATA_BYTES:
                raise LimitExceeded(f"a {kind.suffix} of {size} bytes; {METADATA_BYTES} are allowed")
            return b"".join(_read(descriptor, size, kind, name))

    @contextlib.contextmanager
    def file(self, name: str) -> Iterator[Content | None]:
        """What lies there as a file's object, to be read within the block; None if nothing does.

        Raises DigestMismatch (it cannot be one), UnsafeArchive (no file or symlink that we take),
        LimitExceeded.
        """
        with self._object(Kind.FILE, name) as (descriptor, size):
            if descriptor is None:
                yield None
                return
            head = parse_head(_attributes(descriptor, name))
            if stat.S_ISLNK(head.mode):
                yield Content(replace(head, target=_target(descriptor, size, name)), 0, iter(()))
            else:
                yield Content(head, size, _read(descriptor, size, Kind.FILE, name))

    @contextlib.contextmanager
    def _object(self, kind: Kind, name: str) -> Iterator[tuple[int | None, int]]:
        """A descriptor of an object, and its size, which is counted."""
        descriptor = self._open(kind, check_checksum(name))
        if descriptor is None:
            yield None, 0
            return
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise wrong(kind, name, "no regular file")
            self._take(status.st_size)
            yield descriptor, status.st_size
        finally:
            os.close(descriptor)

    def _open(self, kind: Kind, name: str) -> int | None:
        with _readable(kind, name):
            try:
                return os.open(f"{name[2:]}.{kind.suffix}", _FLAGS, dir_fd=self._shard(name[:2]))
            except FileNotFoundError:
                return None

    def _shard(self, digits: str) -> int:
        """The directory of the objects whose names begin so; it stays open."""
        if digits not in self._shards:
            with disk.opened("objects", self._directory) as objects:
                self._shards[digits] = self._stack.enter_context(disk.opened(digits, objects))
        return self._shards[digits]

    def _take(self, size: int) -> None:
        self.count += size
        if self.count > self._max_bytes:
            raise LimitExceeded(f"a commit of more than {self._max_bytes} bytes", limit=self._max_bytes)


def wrong(kind: Kind, name: str, found: str) -> DigestMismatch:
    """An object that is not what its name says."""
    return DigestMismatch(f"the {kind.suffix} object {name} is {found}", kind=kind.suffix, checksum=name)


@contextlib.contextmanager
def _readable(kind: Kind, name: str) -> Iterator[None]:
    """The kernel's refusals: symlinks, sockets, directories, attributes that are not there."""
    try:
        yield
    except OSError as error:
        raise wrong(kind, name, f"nothing that can be read ({error.strerror})") from error


def _attributes(descriptor: int, name: str) -> bytes:
    with _readable(Kind.FILE, name):
        data = os.getxattr(descriptor, "user.ostreemeta")
    if len(data) > ATTRIBUTES_BYTES:
        raise LimitExceeded(f"a file with attributes of {len(data)} bytes; {ATTRIBUTES_BYTES} are allowed")
    return data


def _target(descriptor: int, size: int, name: str) -> str:
    """A symlink's target, which libostree keeps with its NUL; `parse_text` says how long one may be."""
    data = b"".join(_read(descriptor, min(size, _CHUNK), Kind.FILE, name))
    return parse_text(data.removesuffix(b"\0"), "symlink's target")


def _read(descriptor: int, size: int, kind: Kind, name: str) -> Iterator[bytes]:
    """Exactly `size` bytes, whatever becomes of the file meanwhile."""
    while size:
        with _readable(kind, name):
            piece = os.read(descriptor, min(size, _CHUNK))
        if not piece:
            raise wrong(kind, name, "shorter than it was")
        size -= len(piece)
        yield piece
