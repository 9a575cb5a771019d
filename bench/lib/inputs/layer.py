# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Entries become a layer: a tar as image builders write it (pax, owned by root), behind gzip.

Guarantees that nothing is in memory as a whole, so that layers of any size can be made, and that the same
entries give the same bytes on one machine.
"""

import hashlib
import subprocess
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Self, cast

from inputs.shape import Entry, Kind
from inputs.texture import Contents

_TYPES = {
    Kind.FILE: tarfile.REGTYPE,
    Kind.WHITEOUT: tarfile.REGTYPE,
    Kind.DIRECTORY: tarfile.DIRTYPE,
    Kind.SYMLINK: tarfile.SYMTYPE,
    Kind.HARD_LINK: tarfile.LNKTYPE,
}
Member = tuple[tarfile.TarInfo, IO[bytes] | None]
_TIME = 1_700_000_000


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer on the disk: the gzip file, and what a config says about it."""

    blob: Path
    diff_id: str
    tar_size: int
    entries: int

    @property
    def size(self) -> int:
        """Compressed bytes."""
        return self.blob.stat().st_size

    def facts(self) -> dict[str, object]:
        """What a table says about it."""
        sizes = {"gzip": f"{self.size / 1e6:.1f} MB", "tar": f"{self.tar_size / 1e6:.1f} MB"}
        return {"entries": self.entries, **sizes}


def write_layer(blob: Path, listed: Iterable[Entry], *, level: int = 6) -> Layer:
    """Write `blob`; level 6 is what Go's gzip, and so every image builder, takes."""
    contents = _contents()
    members = ((_member(entry), contents.of(entry.number, entry.size, entry.texture)) for entry in listed)
    return _write(blob, cast("Iterable[Member]", members), level)


def rewrite_layer(
    source: Path, blob: Path, change: Callable[[tarfile.TarInfo], None], *more: Member
) -> Layer:
    """Write `blob`: what is in the layer `source`, each entry changed, and behind it `more`."""
    with tarfile.open(source, "r|gz") as archive:

        def members() -> Iterator[Member]:
            for member in archive:
                change(member)
                yield member, archive.extractfile(member) if member.isreg() else None
            yield from more

        return _write(blob, members(), level=6)


def _write(blob: Path, members: Iterable[Member], level: int) -> Layer:
    count = 0
    with blob.open("wb") as file, _Compressor(file, level) as stream, _archive(stream) as archive:
        for member, content in members:
            archive.addfile(member, content)
            archive.members = []  # type: ignore[attr-defined]  # it would remember every one
            count += 1
    return Layer(blob, f"sha256:{stream.digest.hexdigest()}", stream.size, count)


_contents = cache(Contents)


def _archive(stream: "_Compressor") -> tarfile.TarFile:
    return tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT)  # type: ignore[call-overload,no-any-return]


def _member(entry: Entry) -> tarfile.TarInfo:
    member = tarfile.TarInfo(entry.path)
    member.type, member.mode, member.mtime = _TYPES[entry.kind], entry.mode, _TIME
    if entry.kind is Kind.FILE:
        member.size = entry.size
    elif entry.kind in {Kind.SYMLINK, Kind.HARD_LINK}:
        member.linkname = entry.target
    return member


class _Compressor:
    """gzip(1) as a file to write to, which hashes and counts what it is given."""

    def __init__(self, out: IO[bytes], level: int) -> None:
        self.digest, self.size = hashlib.sha256(), 0
        command = ["gzip", "-n", f"-{level}"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out)
        self._pipe = cast("IO[bytes]", self._process.stdin)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.close()
        if self._process.wait():
            raise RuntimeError("gzip failed")

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        self.size += len(data)
        return self._pipe.write(data)


def read_layer(blob: Path) -> Layer:
    """What a layer from elsewhere is, found out by inflating it."""
    with subprocess.Popen(["gzip", "-dc", str(blob)], stdout=subprocess.PIPE) as inflating:
        counted = _Counted(cast("IO[bytes]", inflating.stdout))
        with tarfile.open(fileobj=counted, mode="r|") as archive:  # type: ignore[call-overload]
            entries = sum(1 for _ in archive)
        counted.read_rest()
    return Layer(blob, f"sha256:{counted.digest.hexdigest()}", counted.size, entries)


class _Counted:
    """A stream that hashes and counts what is read from it."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source, self.digest, self.size = source, hashlib.sha256(), 0

    def read(self, size: int) -> bytes:
        data = self._source.read(size)
        self.digest.update(data)
        self.size += len(data)
        return data

    def read_rest(self) -> None:
        while self.read(1 << 20):
            pass
