# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An image layout in one tar file (`oci-archive`).

Guarantees: the same image in the same order gives the same bytes; the file appears whole, under a name that
nothing had; otherwise nothing of it is left. Members are plain files and the two directories of the layout,
each once, blobs first.
"""

import errno
import os
import secrets
import tarfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from appctld.errors import Conflict
from appctld.model.digest import Digest
from appctld.model.manifest import Descriptor
from appctld.workers.export.destination import (
    Content,
    Counted,
    checked,
    put_document,
    sync_directory,
    writing,
)
from appctld.workers.export.layout import INDEX_FILE, LAYOUT, LAYOUT_FILE, blob_path, index_with

_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS})  # file systems of memory cards
_BLOCK = tarfile.BLOCKSIZE


class Archive:
    """A new archive: `with Archive(path) as destination:`."""

    tag = ""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._unfinished = path.parent / f".{path.name}.unfinished-{secrets.token_hex(6)}"
        self._stack = ExitStack()
        self._file: BinaryIO
        self._added: set[Digest] = set()
        self._named: dict[str, Descriptor] = {}
        self._beside: dict[str, bytes] = {}

    def __enter__(self) -> Self:
        with ExitStack() as stack, writing(self._path):
            self._refuse_what_is_there()
            stack.callback(self._unfinished.unlink, missing_ok=True)
            self._file = stack.enter_context(os.fdopen(os.open(self._unfinished, _NEW, 0o666), "w+b"))
            for name in ("blobs", "blobs/sha256"):
                self._file.write(_header(name, 0, directory=True))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with writing(self._path):  # what is buffered is written once more when a full file is closed
            self._stack.close()

    def has(self, blob: Descriptor) -> bool:
        """See `Destination`."""
        return blob.digest in self._added

    def put_blob(self, blob: Descriptor, content: Content) -> None:
        """See `Destination`."""
        with writing(self._path):
            self._member(blob_path(blob.digest), blob.size, checked(blob, content()))
        self._added.add(blob.digest)

    def put_new(self, pieces: Iterable[bytes], media_type: str) -> Descriptor:
        """See `Destination`: its header is written when its name is known."""
        counted = Counted(pieces)
        with writing(self._path):
            start = self._file.tell()
            self._file.write(bytes(_BLOCK))
            self._body(counted)
            digest, size = counted.digest, counted.size
            self._file.seek(start)
            if digest in self._added:  # a name stands in it once
                self._file.truncate()
            else:
                self._file.write(_header(blob_path(digest), size))
                self._file.seek(0, os.SEEK_END)
        self._added.add(digest)
        return Descriptor(media_type, digest, size)

    def put_manifest(self, raw: bytes, media_type: str, name: str = "") -> Descriptor:
        """See `Destination`."""
        written = put_document(self, raw, media_type)
        if name:
            self._named[name] = written
        return written

    def meaning(self, name: str) -> Digest | None:
        """See `Destination`."""
        return self._named[name].digest if name in self._named else None

    def put_beside(self, path: str, data: bytes) -> bool:
        """See `Destination`."""
        self._beside[path] = data
        return True

    def commit(self) -> None:
        """See `Destination`."""
        documents = {LAYOUT_FILE: LAYOUT, INDEX_FILE: index_with(None, self._named)}
        with writing(self._path):
            for name, data in {**self._beside, **documents}.items():
                self._member(name, len(data), [data])
            self._file.write(bytes(2 * _BLOCK))
            self._file.flush()
            os.fsync(self._file.fileno())
            self._appear()

    def _refuse_what_is_there(self) -> None:
        if os.path.lexists(self._path):
            raise Conflict(f"{self._path} is there already", hint="remove it first, or name another file")

    def _appear(self) -> None:
        try:
            os.link(self._unfinished, self._path)
        except FileExistsError:
            raise Conflict(f"{self._path} was made by something else meanwhile", hint="try again") from None
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            self._refuse_what_is_there()
            self._unfinished.rename(self._path)
        sync_directory(self._path.parent)

    def _member(self, name: str, size: int, pieces: Iterable[bytes]) -> None:
        start = self._file.tell()
        try:
            self._file.write(_header(name, size))
            self._body(pieces)
        except BaseException:  # the caller may have the same bytes from elsewhere
            self._file.seek(start)
            self._file.truncate()
            raise

    def _body(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            self._file.write(piece)
        self._file.write(bytes(-self._file.tell() % _BLOCK))


def _header(name: str, size: int, *, directory: bool = False) -> bytes:
    """One block; in GNU's form, which has room for the size of any blob."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o755 if directory else 0o644
    entry.type = tarfile.DIRTYPE if directory else tarfile.REGTYPE
    return entry.tobuf(tarfile.GNU_FORMAT)
