# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The blobs of an image: fetched whole and once, compared with their digests, and only then unpacked.

Guarantees: nothing is decompressed before its bytes had the digest and the size that the manifest says (R1);
what comes out is counted, and hashed as the store hashes it (ADR 31); nothing is left when the block ends.
Leaves to others: what the tar means.
"""

import gzip
import hashlib
import os
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import FileIO
from types import TracebackType
from typing import BinaryIO, Self, cast

import zstandard

from appctld.errors import DigestMismatch, LimitExceeded, NoSpace, UnsafeArchive
from appctld.model.digest import Digest
from appctld.model.manifest import COMPRESSION, LAYER_BYTES, ZSTD_WINDOW, Descriptor
from appctld.model.zstdframe import HEADER_BYTES, check_window
from appctld.workers.fetch.source import Source
from appctld.workers.store.archive.stream import left_out

_PIECE = 1 << 20


class Blobs:
    """Those of one image, in files without names: a context manager, in which each is fetched once."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._files: dict[Descriptor, BinaryIO] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def open(self, blob: Descriptor) -> BinaryIO:
        """The blob at its start; it stays open. Raises DigestMismatch, NotFound, NoSpace."""
        if blob not in self._files:
            self._files[blob] = self._fetched(blob)
        self._files[blob].seek(0)
        return self._files[blob]

    def unpacked(self, blob: Descriptor, expected: Digest | None = None) -> "Unpacked":
        """The tar of a layer; `expected` is its diffID, if that is asked for."""
        return Unpacked(self.open(blob), blob, expected)

    def _fetched(self, blob: Descriptor) -> BinaryIO:
        place = os.environ.get("TMPDIR", "/var/tmp")  # noqa: S108 - a layer is too large for a /tmp in memory
        with _writing(place):
            file = tempfile.TemporaryFile(dir=place, buffering=0)  # noqa: SIM115 - it is the stack's
        self._stack.enter_context(file)
        hashed = hashlib.sha256()
        with self._source.blob(blob.digest, blob.size) as found:
            for piece in found.chunks(blob.size):
                hashed.update(piece)
                with _writing(place):
                    _write(file, piece)
        if Digest(hashed.hexdigest()) != blob.digest or file.tell() != blob.size:
            raise DigestMismatch(f"blob {blob.digest} has other bytes", digest=str(blob.digest))
        return cast("BinaryIO", file)


@contextmanager
def _writing(place: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = "TMPDIR=DIRECTORY says where there is room"
        raise NoSpace(f"{place} cannot be written: {error.strerror}", hint=hint) from error


def _write(file: FileIO, piece: bytes) -> None:
    left = memoryview(piece)
    while left:
        left = left[file.write(left) :]


class Unpacked:
    """A layer's tar, for the tar reader: counted, and hashed as it is read.

    The file stays its owner's. `expected` is the diffID, if it is asked for.
    """

    def __init__(
        self, file: BinaryIO, blob: Descriptor, expected: Digest | None = None, limit: int = LAYER_BYTES
    ) -> None:
        self._file = _decoder(file, blob)
        self._hash = hashlib.sha256()
        self._expected = expected
        self._count = 0
        self.left = limit

    @property
    def digest(self) -> Digest:
        """Of all that was read."""
        return Digest(self._hash.hexdigest())

    def read(self, size: int) -> bytes:
        """See `tar.Source`."""
        pieces = []
        while size and (piece := bytes(self.some(size))):
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def some(self, size: int) -> memoryview:
        """See `tar.Source`."""
        try:
            piece = self._file.read(min(size, _PIECE))
        except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
            raise UnsafeArchive(f"a layer that cannot be unpacked: {error}") from error
        self._count += len(piece)
        self.left -= len(piece)
        if self.left < 0:
            raise LimitExceeded(f"a layer of more than {LAYER_BYTES} bytes", limit=LAYER_BYTES)
        self._hash.update(piece)
        return memoryview(piece)

    def rest(self) -> Iterator[memoryview]:
        """See `tar.Source`."""
        while piece := self.some(_PIECE):
            yield piece
        if self._expected and (zeros := left_out(self._count, self._expected, self._hash_with)):
            self._hash.update(zeros)
            yield memoryview(zeros)

    def _hash_with(self, more: bytes) -> str:
        digest = self._hash.copy()
        digest.update(more)
        return digest.hexdigest()


def _decoder(file: BinaryIO, blob: Descriptor) -> BinaryIO:
    match COMPRESSION[blob.media_type]:
        case "gzip":
            return cast("BinaryIO", gzip.GzipFile(fileobj=file))
        case "zstd":
            check_window(file.read(HEADER_BYTES), blob.digest)
            file.seek(0)
            decompressor = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW)
            reader = decompressor.stream_reader(file, read_across_frames=True, closefd=False)
            return cast("BinaryIO", reader)
        case _:
            return file
