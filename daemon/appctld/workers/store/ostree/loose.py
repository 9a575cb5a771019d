# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The loose objects of the repository, as the file system shows them: `objects/ab/cdef….file`.

Guarantees: no symlink is followed, and every call is relative to one of the 256 directories, each of which
is opened once; an object counts as held only if it looks exactly as staging.py leaves one. Leaves to others:
hashing (R4: what is held need not be written, and is hashed all the same), and the repository's shared lock,
without which what is seen here may be pruned a moment later.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from typing import Self

from appctld.workers.store import disk
from appctld.workers.store.kernel import translated

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK opening a FIFO that somebody put here would wait for ever
_OBJECT = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

METADATA_MODE = 0o444  # R12


class Loose:
    """An object's `entry` is its checksum, a dot and its kind's suffix; its caller made it, of hex."""

    def __init__(self, objects: int) -> None:
        self._objects = objects
        self._shards: dict[str, int] = {}

    @classmethod
    @contextlib.contextmanager
    def opened(cls, repository: int) -> Iterator[Self]:
        """The objects of the repository of this descriptor."""
        with contextlib.ExitStack() as stack:
            with translated("opening the repository's objects"):
                objects = stack.enter_context(disk.opened("objects", repository))
            loose = cls(objects)
            stack.callback(loose._close)
            yield loose

    def holds_file(self, entry: str, size: int, mode: int) -> bool:
        """Whether a file need not be written: it is here, regular, of that size and mode, and of mtime 0."""
        shard, name = self._shard(entry), entry[2:]
        # Most are missing, and access() says so without an exception
        if not os.access(name, os.F_OK, dir_fd=shard):
            return False
        found = os.stat(name, dir_fd=shard, follow_symlinks=False)
        return (found.st_mode, found.st_size, found.st_mtime_ns) == (stat.S_IFREG | mode, size, 0)

    def holds_metadata(self, entry: str, data: bytes) -> bool:
        """Whether a metadata object is here and need not be written; it is small enough to be compared."""
        try:
            descriptor = os.open(entry[2:], _OBJECT, dir_fd=self._shard(entry))
        except OSError:  # missing, or a symlink, say, whose target is not the repository's
            return False
        try:
            found = os.fstat(descriptor)
            if (found.st_mode, found.st_size) != (stat.S_IFREG | METADATA_MODE, len(data)):
                return False
            return os.read(descriptor, len(data)) == data
        finally:
            os.close(descriptor)

    def keep(self, entry: str, mode: int) -> None:
        """Give an object that is here its mode (R12); OSError if it is not, or is no regular file."""
        descriptor = os.open(entry[2:], _OBJECT, dir_fd=self._shard(entry))
        try:
            found = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(found):
                raise OSError(errno.EINVAL, "it is no regular file")
            if found != stat.S_IFREG | mode:
                os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)

    def take(self, entry: str, staging: int) -> None:
        """Move a whole object here from the staging directory, in one step; one that is here is replaced."""
        shard, name = self._shard(entry), entry[2:]
        try:
            os.rename(entry, name, src_dir_fd=staging, dst_dir_fd=shard)
        except IsADirectoryError:  # damage: a directory has an object's name
            disk.remove_tree(name, shard)
            os.rename(entry, name, src_dir_fd=staging, dst_dir_fd=shard)

    def sync(self) -> None:
        """Put all that was written, here and elsewhere on this file system, on the disk (R10)."""
        with translated("syncfs"):
            disk.sync(self._objects)

    def _shard(self, entry: str) -> int:
        """The directory of the entries that begin so."""
        digits = entry[:2]
        shard = self._shards.get(digits)
        if shard is None:
            disk.make_directory(digits, self._objects)
            shard = self._shards[digits] = os.open(digits, _DIRECTORY, dir_fd=self._objects)
        return shard

    def _close(self) -> None:
        for shard in self._shards.values():
            os.close(shard)
