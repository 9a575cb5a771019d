# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The files of a layout, or of what `docker save` writes, in one uncompressed tar that somebody gave us.

Its headers are read once, by offset, and what is wanted is read where it lies: nothing is ever unpacked, and
no name in it is a path of a system call. Guarantees: of each name there is one file; names stay inside;
members are plain files or directories. The standard library reads the headers, in a sandbox that has nothing
but this file, from a reader that counts: whoever writes headers for ever, or one of a gigabyte, gets a limit.
"""

import os
import stat
import tarfile
from collections.abc import Iterator

from appctld.errors import BadManifest, InvalidReference, LimitExceeded, UnsafeArchive
from appctld.workers.fetch.layout.member import Member

MEMBERS = 16_384  # an index of 8192 entries, each with a manifest and some blobs of its own, has no more
NAME_LENGTH = 1024  # a repository has at most 255 characters, a digest 71
HEADER_BYTES = 1 << 20  # of one extended header; what tools write has under 1 KiB
HEADERS_BYTES = 64 << 20  # of all of them: 16,384 with 4 KiB each
_BROKEN = (tarfile.TarError, ValueError, OverflowError, RecursionError, IndexError, KeyError)
"""What the standard library raises for headers that it cannot read; a chain of them ends its recursion."""


class Archive:
    """A tar behind a descriptor, which stays its owner's.

    `links` are the symlinks, by name, with what they say; a layout has none.
    """

    place = "the archive"

    def __init__(self, descriptor: int) -> None:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise InvalidReference("an archive is a regular file")
        self._descriptor = descriptor
        self._members: dict[str, tuple[int, int]] = {}
        self.links: dict[str, str] = {}
        try:
            self._read_headers()
        except _BROKEN as error:
            hint = "a compressed one is to be uncompressed first (gunzip, unzstd)"
            raise BadManifest("this is no uncompressed tar, or a broken one", hint=hint) from error

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def open(self, *name: str) -> Member | None:
        """See `Files.open`."""
        joined = "/".join(name)
        if joined in self.links:
            raise UnsafeArchive(f"{joined} is a link in the archive")
        if joined not in self._members:
            return None
        offset, size = self._members[joined]
        return Member(joined, self._descriptor, offset, size, owns=False)

    def _read_headers(self) -> None:
        reader, behind = _Reader(self._descriptor), 0
        with tarfile.TarFile(fileobj=reader, encoding="utf-8", errors="replace") as tar:  # type: ignore[arg-type]
            for number, entry in enumerate(_entries(tar)):
                if number >= MEMBERS:
                    raise LimitExceeded(f"an archive of more than {MEMBERS} members", limit=MEMBERS)
                self._take(entry)
                behind = tar.offset  # the library takes a header that it cannot read for the end
        if os.pread(self._descriptor, tarfile.BLOCKSIZE, behind) != bytes(tarfile.BLOCKSIZE):
            raise BadManifest(f"the archive is cut off or broken at byte {behind}")

    def _take(self, entry: tarfile.TarInfo) -> None:
        if entry.isdir():
            return
        name = _plain_name(entry.name)
        if name in self._members or name in self.links:
            raise UnsafeArchive(f"the archive has {name} twice")
        if entry.issym():
            self.links[name] = entry.linkname
            return
        if not entry.isreg() or entry.sparse is not None:
            raise UnsafeArchive(f"{name} is no plain file in the archive")
        if entry.size < 0:  # what ends too early the library finds, as it looks for the next header
            raise BadManifest(f"{name} has less than nothing in the archive")
        self._members[name] = (entry.offset_data, entry.size)


class _Reader:
    """The file that the standard library reads headers from, with an end to how much and how often."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._at = 0
        self._left = HEADERS_BYTES

    def read(self, size: int) -> bytes:
        """What is there. Raises LimitExceeded."""
        self._left -= max(size, tarfile.BLOCKSIZE)
        if not 0 <= size <= HEADER_BYTES or self._left < 0:
            raise LimitExceeded("an archive with too many or too large headers", limit=HEADER_BYTES)
        data = os.pread(self._descriptor, size, self._at)
        self._at += len(data)
        return data

    def seek(self, position: int) -> None:
        """Go there."""
        self._at = position

    def tell(self) -> int:
        """Where we are."""
        return self._at


def _entries(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Each member once, none of them kept."""
    while (entry := tar.next()) is not None:
        tar.members.clear()  # type: ignore[attr-defined]
        yield entry


def _plain_name(name: str) -> str:
    """The name without `./` before it. Raises UnsafeArchive for one that leads out, or that is none."""
    plain = name.removeprefix("./")
    if len(plain) > NAME_LENGTH:
        raise UnsafeArchive("the archive has a name of more than a thousand characters")
    if any(part in {"", ".", ".."} for part in plain.split("/")):
        raise UnsafeArchive(f"the archive has the name {plain!a}")
    return plain
