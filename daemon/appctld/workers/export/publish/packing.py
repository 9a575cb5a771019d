# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A layer as it is written: hashed, compressed and hashed again, in one pass, into a file that has no name.

Guarantees: memory is bounded; the same layer gives the same diffID always, and the same digest wherever the
zlib is the same (its header holds no time and no name); what is not given on is gone when its block ends.
Leaves to others: what is in a layer, and where it goes.
"""

import hashlib
import os
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import BinaryIO

from appctld.model.digest import Digest
from appctld.workers.store.kernel import translated

MEDIA_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
_LEVEL = 6  # gzip's default; 9 takes three times as long for 1 %
_GZIP = 31  # zlib.h, deflateInit2: the largest window, in gzip's format
_PIECE = 1 << 18  # joined before hashing: most pieces of a tar are a header of 512 bytes


@dataclass(frozen=True)
class Packed:
    """A layer; `size` is that of what `chunks` gives, `tar_size` what it was before."""

    digest: Digest
    diff_id: Digest
    size: int
    tar_size: int
    file: BinaryIO
    annotations: Mapping[str, str] = field(default_factory=dict)
    made_by: str = ""

    def chunks(self) -> Iterator[bytes]:
        """The compressed layer, from its start."""
        self.file.seek(0)
        while piece := self.file.read(_PIECE):
            yield piece


class Packer:
    """Writes layers; `told` hears how many bytes were written since it heard last."""

    def __init__(self, stack: ExitStack, told: Callable[[int], None]) -> None:
        self._stack = stack
        self._told = told

    def pack(
        self, pieces: Iterable[bytes], made_by: str, annotations: Mapping[str, str] | None = None
    ) -> Packed:
        """Write one layer. Raises NoSpace, and what `pieces` raises."""
        with translated("writing a layer aside"):
            file = self._stack.enter_context(tempfile.TemporaryFile(dir=_place()))  # noqa: SIM115 - it is a block's
            digest, diff_id, tar_size = hashlib.sha256(), hashlib.sha256(), 0
            compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
            for piece in _joined(pieces):
                diff_id.update(piece)
                tar_size += len(piece)
                self._write(file, digest, compressor.compress(piece))
                self._told(len(piece))
            self._write(file, digest, compressor.flush())
            file.flush()
        return Packed(
            Digest(digest.hexdigest()), Digest(diff_id.hexdigest()), file.tell(), tar_size, file,
            annotations or {}, made_by,
        )  # fmt: skip

    @staticmethod
    def _write(file: BinaryIO, digest: "hashlib._Hash", data: bytes) -> None:
        digest.update(data)
        file.write(data)


def _place() -> str:
    return os.environ.get("TMPDIR", "/var/tmp")  # noqa: S108 - a layer is too large for a /tmp in memory


def _joined(pieces: Iterable[bytes]) -> Iterator[bytes]:
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= _PIECE:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)
