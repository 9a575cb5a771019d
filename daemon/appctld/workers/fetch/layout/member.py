# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""One file of a layout: a range of an open descriptor, read with pread(2), and where such files come from.

Guarantees: never more than a named limit is read, also of a file that grows meanwhile; one that shrinks gives
fewer bytes, which whoever hashes them finds. Names are ours: components that were checked before.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from appctld.errors import LimitExceeded

CHUNK_BYTES = 256 << 10  # as from a socket


@dataclass(frozen=True, slots=True)
class Member:
    """`size` bytes at `offset` of `descriptor`, which `with` closes where the member `owns` it."""

    name: str
    descriptor: int
    offset: int
    size: int
    owns: bool

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.owns:
            os.close(self.descriptor)

    def read(self, limit: int) -> bytes:
        """All of it. Raises LimitExceeded where that is more than `limit` bytes."""
        return b"".join(self.chunks(limit))

    def chunks(self, limit: int) -> Iterator[bytes]:
        """All of it, piece by piece. Raises LimitExceeded, before any of it, as `read`."""
        if self.size > limit:
            raise LimitExceeded(f"{self.name} has {self.size} bytes, and may have {limit}", limit=limit)
        done = 0
        while done < self.size:
            chunk = os.pread(self.descriptor, min(self.size - done, CHUNK_BYTES), self.offset + done)
            if not chunk:
                return
            done += len(chunk)
            yield chunk


class Files(Protocol):
    """What holds the files of a layout."""

    @property
    def place(self) -> str:
        """What messages call it."""
        ...

    @property
    def links(self) -> Mapping[str, str]:
        """The symlinks that are known of before any is met, by name."""
        ...

    def open(self, *name: str) -> Member | None:
        """The regular file of that name, by its components; None where nothing has it.

        Raises UnsafeArchive for anything else of that name, RegistryUnavailable where it cannot be read.
        """
        ...


def read_file(files: Files, limit: int, *name: str) -> bytes | None:
    """A small file's bytes; None where there is none. Raises as `Files.open`, and LimitExceeded."""
    member = files.open(*name)
    if member is None:
        return None
    with member:
        return member.read(limit)
