# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Where objects are written before they count: `tmp/appctl-<random>/` of the repository, one a transaction.

Guarantees: what lies there under an object's name is whole, with its attributes, mode and time; a file that
could not be finished is gone; the directory is removed when the transaction ends, however it ends, and what a
crash left is removed by the next transaction. Whoever writes holds a lock on the directory, so that nobody
removes what is alive. Leaves to others: names (writer.py), and when objects are published (settle).

libostree, too, tidies `tmp/` up when it commits: `staging-*`, and whatever nobody has touched for a day.
"""

import contextlib
import errno
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from typing import Self

from appctld.errors import Failed, LimitExceeded
from appctld.workers.store import disk
from appctld.workers.store.kernel import translated
from appctld.workers.store.ostree.kinds import Kind
from appctld.workers.store.ostree.loose import METADATA_MODE, Loose
from appctld.workers.store.ostree.objects import Stored
from appctld.workers.store.space import Room

Data = bytes | bytearray | memoryview

_NAME = re.compile(r"appctl-[0-9a-f]{16}")
_COMMIT = f".{Kind.COMMIT.suffix}"
_INCOMING = "incoming"  # a large file whose name nobody knows yet
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_ATTRIBUTES = "user.ostreemeta"
_EPOCH = (0, 0)  # libostree gives every content object this time
_TOO_LARGE = {errno.E2BIG, errno.ERANGE}


class Staging:
    """One transaction's objects. Every method raises OSError and NoSpace; `entry` as in loose.py."""

    def __init__(self, directory: int, room: Room) -> None:
        self._directory = directory
        self._room = room

    @classmethod
    @contextlib.contextmanager
    def opened(cls, repository: int, room: Room) -> Iterator[Self]:
        """A new one in the repository of this descriptor; what is still in it at the end is removed."""
        with contextlib.ExitStack() as stack:
            with translated("preparing to store objects"):
                temporary = stack.enter_context(disk.opened("tmp", repository))
                sweep(temporary)
                name, directory = _make(temporary)
            stack.callback(os.close, directory)
            stack.callback(shutil.rmtree, name, ignore_errors=True, dir_fd=temporary)
            yield cls(directory, room)

    def twin(self, room: Room) -> Self:
        """The same directory for another process, which looks at the free space itself."""
        return type(self)(self._directory, room)

    def file(self, entry: str, data: Data, form: Stored) -> bool:
        """Stage a content object; False if this transaction has it already."""
        return self._write(entry, data, form.mode, form.attributes)

    def metadata(self, entry: str, data: bytes) -> bool:
        """Stage a metadata object; False if this transaction has it already."""
        return self._write(entry, data, METADATA_MODE, b"")

    def stream(self, chunks: Iterable[Data], size: int, form: Stored) -> str:
        """Stage a file piece by piece, for `name` or `drop`; its checksum. Raises Failed: another size."""
        digest, left = form.hash.copy(), size
        with self._incoming() as descriptor:
            self._room.take(size)
            for piece in chunks:
                left -= len(piece)
                check_size(size - left, size, whole=False)
                digest.update(piece)
                _write_all(descriptor, piece)
            check_size(size - left, size)
            _finish(descriptor, form.mode, form.attributes)
        return digest.hexdigest()

    def name(self, entry: str) -> bool:
        """Let what was streamed be this object; False if this transaction has it already."""
        new = not os.access(entry, os.F_OK, dir_fd=self._directory)
        os.rename(_INCOMING, entry, src_dir_fd=self._directory, dst_dir_fd=self._directory)
        return new

    def drop(self) -> None:
        """Remove what was streamed: it is stored already."""
        os.unlink(_INCOMING, dir_fd=self._directory)

    def publish(self, loose: Loose) -> int:
        """Give every object its place, how many there were; they are on the disk by now.

        Commits come last, so that one which is here is whole, whatever ends us in between.
        """
        return self._publish(loose, commits=False) + self._publish(loose, commits=True)

    def _publish(self, loose: Loose, *, commits: bool) -> int:
        published = found = self._publish_some(loose, commits=commits)
        while found:  # POSIX does not promise that a directory which shrinks is read to its end
            found = self._publish_some(loose, commits=commits)
            published += found
        return published

    def _publish_some(self, loose: Loose, *, commits: bool) -> int:
        found = 0
        with os.scandir(self._directory) as entries:
            for entry in entries:
                if entry.name.endswith(_COMMIT) == commits:
                    loose.take(entry.name, self._directory)
                    found += 1
        return found

    def _write(self, entry: str, data: Data, mode: int, attributes: bytes) -> bool:
        try:
            descriptor = os.open(entry, _NEW, 0o600, dir_fd=self._directory)
        except FileExistsError:
            return False
        try:
            self._room.take(len(data))
            _write_all(descriptor, data)
            _finish(descriptor, mode, attributes)
        except BaseException:
            os.unlink(entry, dir_fd=self._directory)
            raise
        finally:
            os.close(descriptor)
        return True

    @contextlib.contextmanager
    def _incoming(self) -> Iterator[int]:
        descriptor = os.open(_INCOMING, _NEW, 0o600, dir_fd=self._directory)
        try:
            yield descriptor
        except BaseException:
            self.drop()
            raise
        finally:
            os.close(descriptor)


def is_staging(name: str) -> bool:
    """Whether an entry of tmp/ has the name of a staging directory."""
    return _NAME.fullmatch(name) is not None


def sweep(temporary: int) -> None:
    """Remove, from the open tmp/, the staging directories that nobody holds: their writers were killed."""
    for name in filter(is_staging, disk.entries(temporary)):
        # OSError: it is held; or another swept it, or it is nothing that a writer of ours has made
        with contextlib.suppress(OSError), disk.opened(name, temporary) as directory:
            _lock(directory)
            shutil.rmtree(name, dir_fd=temporary)


def check_size(found: int, promised: int, *, whole: bool = True) -> None:
    """Refuse content of another size than promised; or only, where it is not yet `whole`, of a larger one."""
    if found > promised or (whole and found < promised):
        raise Failed(f"a file of {promised} bytes came as {found}")


def _make(temporary: int) -> tuple[str, int]:
    """A new staging directory, held: its name and descriptor."""
    while True:
        name = f"appctl-{secrets.token_hex(8)}"
        os.mkdir(name, 0o700, dir_fd=temporary)
        with contextlib.suppress(FileNotFoundError, BlockingIOError):
            descriptor = os.open(name, _DIRECTORY, dir_fd=temporary)
            try:
                _lock(descriptor)
                os.stat(name, dir_fd=temporary)
            except BaseException:  # somebody swept it up before it was held
                os.close(descriptor)
                raise
            return name, descriptor


def _lock(directory: int) -> None:
    fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _write_all(descriptor: int, data: Data) -> None:
    written = os.write(descriptor, data)
    while written < len(data):  # a disk that is almost full takes a part, and says why at the next call
        written += os.write(descriptor, memoryview(data)[written:])


def _finish(descriptor: int, mode: int, attributes: bytes) -> None:
    """Attributes first: of a file that it may not write, nobody but root can set them."""
    if attributes:
        _set_attributes(descriptor, attributes)
        os.utime(descriptor, _EPOCH)
    os.fchmod(descriptor, mode)


def _set_attributes(descriptor: int, attributes: bytes) -> None:
    try:
        os.setxattr(descriptor, _ATTRIBUTES, attributes)
    except OSError as error:
        # ext4 keeps about 4,000 bytes and the kernel 64 KiB; ext4 says ENOSPC for both kinds of "full"
        full = error.errno == errno.ENOSPC and not os.fstatvfs(descriptor).f_bavail
        if full or error.errno not in _TOO_LARGE | {errno.ENOSPC}:
            raise
        raise LimitExceeded(
            f"a file's attributes ({len(attributes)} bytes) do not fit into this file system"
        ) from error
