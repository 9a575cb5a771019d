# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Blobs: bytes from the fetcher, under a name that says unverified until size and digest are right.

Guarantees: `blobs/<hex>` appears only with the bytes that hash to it; whatever goes wrong leaves nothing
behind; sweeping follows no symlink; the reserve of free space stays free. Leaves to others: fetching, what a
blob holds, and to the kernel when it comes to the disk: R10 is about refs, which name no blob. A job hashed
the bytes that it goes on with; who finds a blob of an earlier one, before or after a power cut, hashes it
again (`recheck`), and a layer's blob is mostly gone before it would have been written.
"""

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from appctld.errors import DigestMismatch, NotFound
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonObject, get_int, get_str
from appctld.workers.protocol import Report, descriptor
from appctld.workers.store import disk, names, space
from appctld.workers.store.archive.stream import CHUNK, Stream
from appctld.workers.store.kernel import translated

UNVERIFIED = ".unverified-"


def receive(request: JsonObject, report: Report) -> JsonObject:
    """Write `fds.in` to `blobs/<hex of digest>`.

    Raises LimitExceeded (more than `size` bytes, at once), DigestMismatch (fewer, or others), NoSpace (before
    the first byte is read, or when others filled the disk meanwhile).
    """
    with Stream(descriptor(request, "in"), get_int(request, "size"), report) as stream:
        digest, blobs = Digest.parse(get_str(request, "digest")), Path(get_str(request, "blobs"))
        with translated("writing a blob"), _unverified(blobs) as (path, file):
            room = _room(file, get_int(request, "size"))
            while piece := stream.read(CHUNK):
                room.take(len(piece))
                file.write(piece)
            file.flush()
            _compare(stream, digest, get_int(request, "size"))
            path.replace(blobs / digest.hex)
        return {"size": stream.count}


def recheck(request: JsonObject, report: Report) -> JsonObject:
    """Hash a blob that an earlier job left; a wrong one is removed and DigestMismatch, none is NotFound."""
    digest, size = Digest.parse(get_str(request, "digest")), get_int(request, "size")
    path = Path(get_str(request, "blobs")) / digest.hex
    with translated("reading a blob"):
        try:
            opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            raise NotFound(f"there is no blob {digest}") from None
        with Stream(opened, os.fstat(opened).st_size, report) as stream:
            stream.drain()
            try:
                _compare(stream, digest, size)
            except DigestMismatch:
                path.unlink(missing_ok=True)
                raise
    return {"size": size}


def sweep(blobs: Path, unwanted: Callable[[str], bool], *, remove: bool) -> int:
    """Bytes of the unwanted among blobs and in each remote's directory there, which goes once it is empty.

    They are removed only if `remove`; what is not named as we name things is left alone.
    """
    if not blobs.is_dir():
        return 0
    with disk.opened(blobs) as above:
        freed = _sweep_one(above, unwanted, remove=remove)
        for name in filter(names.is_blob_directory, disk.entries(above)):
            if disk.is_directory(name, above):
                with disk.opened(name, above) as directory:
                    freed += _sweep_one(directory, unwanted, remove=remove)
                if remove:
                    with contextlib.suppress(OSError):
                        os.rmdir(name, dir_fd=above)  # only if nothing is left in it
    return freed


def _sweep_one(directory: int, unwanted: Callable[[str], bool], *, remove: bool) -> int:
    freed = 0
    for name in filter(unwanted, disk.entries(directory)):
        if not disk.is_directory(name, directory):
            freed += os.stat(name, dir_fd=directory, follow_symlinks=False).st_size
            if remove:
                os.unlink(name, dir_fd=directory)
    return freed


def _compare(stream: Stream, digest: Digest, size: int) -> None:
    if stream.count != size:
        raise DigestMismatch(f"a blob of {stream.count} bytes where {size} were promised", digest=str(digest))
    if stream.digest != digest:
        raise DigestMismatch(f"the blob is {stream.digest}, not {digest}", digest=str(digest))


def _room(file: BinaryIO, size: int) -> space.Room:
    """Room for a whole blob, of which nothing is taken yet."""
    space.Room(lambda: space.free(file.fileno())).take(size)
    return space.Room(lambda: space.free(file.fileno()))


@contextlib.contextmanager
def _unverified(blobs: Path) -> Iterator[tuple[Path, BinaryIO]]:
    blobs.mkdir(parents=True, exist_ok=True)
    path = blobs / f"{UNVERIFIED}{secrets.token_hex(8)}"
    try:
        with path.open("xb") as file:
            yield path, file
    finally:
        path.unlink(missing_ok=True)
