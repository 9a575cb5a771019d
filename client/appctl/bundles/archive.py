# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Write chosen files of a directory as a tar, deterministically, into a pipe."""

import os
from collections.abc import Iterable
from pathlib import Path

from appctl.bundles.files import ANEW, Name, opened
from appctl.failure import Failure

BLOCK = 512
CHUNK_BYTES = 1 << 20


def write_archive(directory: Path, members: Iterable[Name], sink: int) -> None:
    """Write them one after the other. Raises Failure for one that is not there, or changes meanwhile."""
    for name in members:
        try:
            with opened(directory, name) as source:
                _write_member("/".join(name), source, sink)
        except FileNotFoundError as error:
            raise Failure("NotFound", f"there is no {directory.joinpath(*name)}", ANEW) from error
    _write(sink, bytes(2 * BLOCK))


def _write_member(name: str, source: int, sink: int) -> None:
    import tarfile  # only here: it takes a while

    size = os.fstat(source).st_size
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o644
    _write(sink, entry.tobuf(tarfile.GNU_FORMAT))
    done = 0
    while done < size:
        chunk = os.pread(source, min(CHUNK_BYTES, size - done), done)
        if not chunk:
            raise Failure(
                "BadManifest",
                f"{name} became shorter while it was read",
                "try again when nobody writes to it",
            )
        _write(sink, chunk)
        done += len(chunk)
    _write(sink, bytes(-size % BLOCK))


def _write(sink: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(sink, left) :]
