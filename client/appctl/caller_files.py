# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The caller's files: read as the caller, without waiting for anybody; read, replaced or removed whole."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from appctl.failure import UNREADABLE, usage


def read_regular(path: str | Path, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes; a FIFO or a device is refused. Raises Failure (Usage)."""
    try:
        return read_bounded(path, limit)
    except OSError as error:
        raise usage(f"{path}: {error.strerror}", UNREADABLE) from error


def read_bounded(path: str | Path, limit: int) -> bytes:
    """Read the same. Raises OSError, for what is too large or no regular file too."""
    with open_regular(path) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"it has more than {limit} bytes")
    return data


def open_regular(path: str | Path) -> BinaryIO:
    """Open a regular file. Raises OSError, for another kind too."""
    file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115 - the caller's to close
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "it is no regular file")
    return file


def replace_file(path: Path, data: bytes, mode: int) -> None:
    """Put a new file of that mode in the place of the old one, or of none. Raises OSError.

    Whoever reads finds the whole of either, after a power cut too; a failure leaves the old one alone.
    """
    import tempfile

    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        Path(draft).rename(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(draft).unlink()
        raise


def everything_below(top: Path) -> Iterator["os.DirEntry[str]"]:
    """Yield what lies below, no link followed; what goes meanwhile, or cannot be read, is nothing.

    Apps and images nest directories as deep as they like, where os.walk of Python 3.11 recurses.
    """
    waiting = [str(top)]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                yield entry
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)


def remove_tree(place: Path) -> None:
    """Remove it whole, whatever an app did to its own directories: took all bits away, or nested thousands.

    By programs that follow no symlink on the way, and descend without end: Python's chmod and rmtree do not.
    What they could not remove is still there.
    """
    import subprocess

    for command in (("chmod", "-R", "u+rwX", "--"), ("rm", "-rf", "--")):
        subprocess.run([*command, place], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def _without_waiting(path: str, flags: int) -> int:
    """Open a FIFO too, so that it can be refused."""
    return os.open(path, flags | os.O_NONBLOCK)
