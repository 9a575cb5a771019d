# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An image layout in a directory.

Guarantees: a new one (or one in place of an empty directory) appears whole, by one rename; of one that is
there nothing changes but that blobs come along until its index is replaced, and if it never is they go again;
no symlink below it is followed. Leaves to others: programs that write there at the same time and are not
ours.
"""

import fcntl
import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from appctld.errors import BadManifest, Busy, Conflict
from appctld.model.digest import Digest
from appctld.model.manifest import Descriptor
from appctld.workers.export.destination import (
    Content,
    Counted,
    checked,
    opened_directory,
    put_document,
    read_whole,
    sync_directory,
    writing,
)
from appctld.workers.export.layout import (
    ANOTHER,
    INDEX_BYTES,
    INDEX_FILE,
    LAYOUT,
    LAYOUT_BYTES,
    LAYOUT_FILE,
    check_layout,
    index_with,
    meaning,
)
from appctld.workers.store import disk

UNFINISHED = ".unfinished-"
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MODE = 0o666  # what the caller's umask leaves of it


class LayoutDirectory:
    """A layout that is made, or extended: `with LayoutDirectory.at(path) as destination:`."""

    tag = ""

    def __init__(self, path: Path, *, fresh: bool) -> None:
        self._path = path
        self._root = path.parent / f".{path.name}{UNFINISHED}{secrets.token_hex(6)}" if fresh else path
        self._fresh = fresh
        self._stack = ExitStack()
        self._directory = self._blobs = -1
        self._added: set[Digest] = set()
        self._new: set[Digest] = set()  # of these, what was not there before
        self._named: dict[str, Descriptor] = {}
        self._beside: dict[str, bytes] = {}
        self._committed = False

    @classmethod
    def at(cls, path: Path) -> Self:
        """The layout at `path`, or one that will be there. Raises Conflict for what is no directory."""
        with writing(path):
            return cls(path, fresh=_is_free(path))

    def __enter__(self) -> Self:
        with ExitStack() as stack, writing(self._path):
            stack.callback(self._discard)
            if self._fresh:
                self._root.mkdir()
            self._directory = stack.enter_context(opened_directory(self._root))
            if not self._fresh:
                self._claim()
            blobs = stack.enter_context(_subdirectory("blobs", self._directory))
            self._blobs = stack.enter_context(_subdirectory("sha256", blobs))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def has(self, blob: Descriptor) -> bool:
        """Whether it is there; one that was there before is hashed, for nobody else would notice."""
        return blob.digest in self._added or self._holds(blob)

    def put_blob(self, blob: Descriptor, content: Content) -> None:
        """See `Destination`."""
        with self._unfinished() as (name, file):
            for piece in checked(blob, content()):
                file.write(piece)
            file.flush()
            self._keep(name, blob.digest)

    def put_new(self, pieces: Iterable[bytes], media_type: str) -> Descriptor:
        """See `Destination`."""
        counted = Counted(pieces)
        with self._unfinished() as (name, file):
            for piece in counted:
                file.write(piece)
            file.flush()
            self._keep(name, counted.digest)
        return Descriptor(media_type, counted.digest, counted.size)

    def put_manifest(self, raw: bytes, media_type: str, name: str = "") -> Descriptor:
        """See `Destination`."""
        written = put_document(self, raw, media_type)
        if name:
            self._named[name] = written
        return written

    def meaning(self, name: str) -> Digest | None:
        """See `Destination`."""
        if name in self._named:
            return self._named[name].digest
        with writing(self._path):
            return None if self._fresh else meaning(self._read(INDEX_FILE, INDEX_BYTES), name)

    def put_beside(self, path: str, data: bytes) -> bool:
        """See `Destination`."""
        self._beside[path] = data
        return True

    def commit(self) -> None:
        """See `Destination`."""
        with writing(self._path):
            before = None if self._fresh else self._read(INDEX_FILE, INDEX_BYTES)
            for path, data in self._beside.items():
                self._write_beside(path, data)
            if self._fresh:
                _replace(LAYOUT_FILE, LAYOUT, self._directory)
            disk.sync(self._directory)  # before anything names what was written
            _replace(INDEX_FILE, index_with(before, self._named), self._directory)
            self._committed = not self._fresh  # it names the blobs from here on, whatever fails
            os.fsync(self._directory)
            if self._fresh:
                self._appear()
        self._committed = True

    # --- a directory that is there ------------------------------------------------------------------------

    def _claim(self) -> None:
        """See that it is a layout, and that no other of ours writes to it. Raises BadManifest, Busy."""
        check_layout(self._read(LAYOUT_FILE, LAYOUT_BYTES))
        index_with(self._read(INDEX_FILE, INDEX_BYTES), {})  # refused now, and not at the end
        try:
            fcntl.flock(self._directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(f"something else writes to {self._path}") from None

    def _read(self, name: str, limit: int) -> bytes:
        try:
            with os.fdopen(os.open(name, _READ, dir_fd=self._directory), "rb") as file:
                return read_whole(file, limit, f"{self._path / name}")
        except FileNotFoundError:
            raise BadManifest(f"{self._path} is no image layout: it has no {name}", hint=ANOTHER) from None

    def _holds(self, blob: Descriptor) -> bool:
        try:
            descriptor = os.open(blob.digest.hex, _READ, dir_fd=self._blobs)
        except OSError:
            return False
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size != blob.size:
            os.close(descriptor)
            return False
        with os.fdopen(descriptor, "rb") as file:
            return Counted.of_file(file).digest == blob.digest

    # --- writing ------------------------------------------------------------------------------------------

    @contextmanager
    def _unfinished(self) -> Iterator[tuple[str, BinaryIO]]:
        """A new file among the blobs, gone unless it was kept."""
        name = f"{UNFINISHED}{secrets.token_hex(8)}"
        with writing(self._path):
            file = os.fdopen(os.open(name, _NEW, _MODE, dir_fd=self._blobs), "wb")
            try:
                yield name, file
            except BaseException:
                os.unlink(name, dir_fd=self._blobs)
                raise
            finally:
                file.close()

    def _keep(self, name: str, digest: Digest) -> None:
        if not disk.exists(digest.hex, self._blobs):
            self._new.add(digest)
        os.rename(name, digest.hex, src_dir_fd=self._blobs, dst_dir_fd=self._blobs)
        self._added.add(digest)

    def _write_beside(self, path: str, data: bytes) -> None:
        """A file below the layout; its directories are made, and none of them may be a symlink."""
        *above, name = path.split("/")
        with ExitStack() as stack:
            directory = self._directory
            for part in above:
                directory = stack.enter_context(_subdirectory(part, directory))
            _replace(name, data, directory)

    def _appear(self) -> None:
        try:
            self._root.rename(self._path)  # in place of nothing, or of an empty directory
        except OSError as error:
            raise Conflict(f"{self._path} was made by something else meanwhile", hint="try again") from error
        sync_directory(self._path.parent)

    def _discard(self) -> None:
        """What was written for nothing."""
        if self._committed:
            return
        if self._fresh:
            shutil.rmtree(self._root, ignore_errors=True)
            return
        for digest in self._new:
            (self._path / "blobs/sha256" / digest.hex).unlink(missing_ok=True)


@contextmanager
def _subdirectory(name: str, within: int) -> Iterator[int]:
    if not disk.exists(name, within):
        os.mkdir(name, dir_fd=within)
    with disk.opened(name, within) as descriptor:
        yield descriptor


def _is_free(path: Path) -> bool:
    """Whether there is nothing, or an empty directory. Raises Conflict."""
    try:
        with os.scandir(path) as found:
            return next(found, None) is None
    except FileNotFoundError:
        return True
    except NotADirectoryError:
        raise Conflict(f"{path} is there, and is no directory", hint=ANOTHER) from None


def _replace(name: str, data: bytes, within: int) -> None:
    """A small file in the place of one that may be there, in one step."""
    temporary = f"{UNFINISHED}{secrets.token_hex(8)}"
    with os.fdopen(os.open(temporary, _NEW, _MODE, dir_fd=within), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.rename(temporary, name, src_dir_fd=within, dst_dir_fd=within)
