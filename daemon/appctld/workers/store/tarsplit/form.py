# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The stored form of a layer's tar: its bytes that are no file's content, and where the content goes.

Guarantees: what is read was written here, whole, for this layer, before the first part of it is given; every
length is bounded. Leaves to others: where such files lie (kept.py), and whether the parts make the layer
(rebuild.py). The form, integers big-endian:

    "appctl-tar-split 1", the diffID (32 bytes), the SHA-256 of what follows (32), one zstd frame

and the frame holds records, of which the last is E:

    L, length (4), bytes                     bytes as they stand in the tar
    C, checksum (32), size (8)               the content of this object, which has that size
    E, size of the layer (8)
"""

import hashlib
import io
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from appctld.errors import RepoCorrupt
from appctld.model.digest import Digest
from appctld.workers.store.ostree.failures import translated
from appctld.workers.store.space import Room

FILE_BYTES = 512 << 20  # of one stored form: that of a layer with 500,000 small files has 19 MB
LITERAL_BYTES = 2 << 20  # of one record; a longer run of bytes is several

_MAGIC = b"appctl-tar-split 1"
_HEAD = len(_MAGIC) + 32
_CHECKSUM = 32  # bytes of a SHA-256
_LITERAL = struct.Struct(">cI")
_CONTENT = struct.Struct(">c32sQ")
_LENGTH = struct.Struct(">I")
_OBJECT = struct.Struct(">32sQ")
_SIZE = struct.Struct(">Q")
_LEVEL = 1  # of zstd: higher ones take up to ten times as long for a twentieth less
_PIECE = 1 << 20


class Content(NamedTuple):
    """The content of a file; `checksum` is that of its object."""

    checksum: bytes
    size: int


def literal(length: int) -> bytes:
    """What stands in a record before bytes of the tar, at most LITERAL_BYTES."""
    return _LITERAL.pack(b"L", length)


def content(checksum: bytes, size: int) -> bytes:
    """The record of a file's content."""
    return _CONTENT.pack(b"C", checksum, size)


def end(size: int) -> bytes:
    """The last record."""
    return b"E" + _SIZE.pack(size)


class Sink:
    """Records on their way into a new file. Raises NoSpace, Failed."""

    def __init__(self, file: BinaryIO, diff_id: Digest, room: Room) -> None:
        import zstandard  # noqa: PLC0415 - 5 ms, which only an import should pay

        self._compressor = zstandard.ZstdCompressor(level=_LEVEL).compressobj()
        self._file = file
        self._room = room
        self._hash = hashlib.sha256()
        self._size = 0
        with translated("recording a layer's tar metadata"):
            file.write(_head(diff_id) + bytes(_CHECKSUM))

    @property
    def too_large(self) -> bool:
        """Whether it became larger than may be kept; nothing more was written then."""
        return self._size > FILE_BYTES

    def write(self, records: bytes) -> None:
        """Add records."""
        if not self.too_large:
            self._put(self._compressor.compress(records))

    def finish(self) -> None:
        """The end of the file; its bytes are with the kernel."""
        self._put(self._compressor.flush())
        with translated("recording a layer's tar metadata"):
            self._file.seek(_HEAD)
            self._file.write(self._hash.digest())
            self._file.flush()

    def _put(self, data: bytes) -> None:
        self._size += len(data)
        if data and not self.too_large:
            self._room.take(len(data))
            self._hash.update(data)
            with translated("recording a layer's tar metadata"):
                self._file.write(data)


def read(file: BinaryIO, diff_id: Digest) -> Iterator[bytes | Content]:
    """The parts of a layer in their order: bytes, and contents. Raises RepoCorrupt, OSError."""
    import zstandard  # noqa: PLC0415 - see Sink

    _check(file, diff_id)
    frame = io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(file, closefd=False), _PIECE)
    try:
        yield from _parts(frame)
    except (zstandard.ZstdError, struct.error, ValueError) as error:
        raise RepoCorrupt(f"the tar metadata of {diff_id} cannot be read") from error


def _head(diff_id: Digest) -> bytes:
    return _MAGIC + bytes.fromhex(diff_id.hex)


def _check(file: BinaryIO, diff_id: Digest) -> None:
    """Hash the whole file; afterwards it stands at the start of its frame."""
    if file.read(_HEAD) != _head(diff_id):
        raise RepoCorrupt(f"the tar metadata of {diff_id} is another layer's, or of another form")
    said, digest, left = file.read(_CHECKSUM), hashlib.sha256(), FILE_BYTES
    while left and (piece := file.read(min(left, _PIECE))):
        digest.update(piece)
        left -= len(piece)
    if digest.digest() != said:
        raise RepoCorrupt(f"the tar metadata of {diff_id} is not what it was")
    file.seek(_HEAD + _CHECKSUM)


def _parts(frame: BinaryIO) -> Iterator[bytes | Content]:
    size = 0
    while (kind := frame.read(1)) != b"E":
        if kind == b"L":
            (length,) = _LENGTH.unpack(frame.read(_LENGTH.size))
            part: bytes | Content = frame.read(length) if length <= LITERAL_BYTES else b""
            given = len(part)
        elif kind == b"C":
            part = Content(*_OBJECT.unpack(frame.read(_OBJECT.size)))
            length = given = part.size
        else:
            raise ValueError("a record of another kind, or none")
        if given != length:
            raise ValueError("a record that is too long, or not whole")
        size += length
        yield part
    if _SIZE.unpack(frame.read(_SIZE.size + 1)) != (size,):
        raise ValueError("parts that are more or less than the layer")
