# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The caller's files: read as the caller, whole, and without waiting for anybody; or removed, whole."""

import os
import stat
from pathlib import Path

from appctl.failure import usage


def read_regular(path: str | Path, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes; a FIFO or a device is refused. Raises Failure (Usage)."""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise usage(f"{path} is no regular file")
            data = file.read(limit + 1)
    except OSError as error:
        raise usage(f"{path}: {error.strerror}") from error
    if len(data) > limit:
        raise usage(f"{path} is larger than {limit} bytes")
    return data


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
