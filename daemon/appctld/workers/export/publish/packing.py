# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A layer as it is written: hashed, compressed and hashed again, in one pass, into a file that has no name.

Guarantees: memory is bounded; the same layer gives the same diffID always, and the same digest wherever zlib
is the same; what is not given on is gone when its block ends. Leaves to others: what is in a layer, and where
it goes.
"""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from appctld.model.digest import Digest
from appctld.model.manifest import OCI_LAYER
from appctld.workers.export.destination import COPY_BYTES, Counted, writing
from appctld.workers.export.gzipping import blocks, compressed, cores

MEDIA_TYPE = f"{OCI_LAYER}+gzip"


@dataclass(frozen=True)
class Packed:
    """A layer; `size` is that of what `chunks` gives, `unpacked` that of its tar."""

    digest: Digest
    diff_id: Digest
    size: int
    file: BinaryIO
    annotations: Mapping[str, str] = field(default_factory=dict)
    made_by: str = ""
    unpacked: int = 0

    def chunks(self) -> Iterator[bytes]:
        """The compressed layer, from its start."""
        self.file.seek(0)
        while piece := self.file.read(COPY_BYTES):
            yield piece


class Packer:
    """Writes layers, which last as long as `stack`; `told` hears how many bytes more were packed."""

    def __init__(self, stack: ExitStack, told: Callable[[int], None]) -> None:
        self._stack = stack
        self._told = told
        self._threads = stack.enter_context(cores())

    def pack(
        self, pieces: Iterable[bytes], made_by: str, annotations: Mapping[str, str] | None = None
    ) -> Packed:
        """Write one layer. Raises NoSpace, and what `pieces` raises."""
        tar = Counted(self._telling(blocks(pieces)))
        with writing(Path(_place())):
            file = tempfile.TemporaryFile(dir=_place())  # noqa: SIM115 - it is the stack's
            self._stack.callback(_discard, file)
            packed = Counted(compressed(tar, self._threads))
            file.writelines(packed)
            file.flush()
        return Packed(packed.digest, tar.digest, packed.size, file, annotations or {}, made_by, tar.size)

    def _telling(self, content: Iterable[bytes]) -> Iterator[bytes]:
        for block in content:
            self._told(len(block))
            yield block


def _discard(file: BinaryIO) -> None:
    with contextlib.suppress(OSError):  # what is buffered of a file that became too large
        file.close()


def _place() -> str:
    return os.environ.get("TMPDIR", "/var/tmp")  # noqa: S108 - a layer is too large for a /tmp in memory
