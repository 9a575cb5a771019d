# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Small files that must survive a power cut: written whole or not at all, and on the disk when we say so."""

import errno
import os
import re
import secrets
from pathlib import Path

from appctld.errors import Failed, NoSpace, Storage

_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{12}")  # as `write_file` names it
_FULL = {errno.ENOSPC, errno.EDQUOT}
READ_ONLY = "appctl doctor    (a disk that failed becomes read-only: dmesg, findmnt -O ro)"


def storage_failure(error: OSError) -> Storage:
    """What the kernel says about a file of ours, as a leaf; in its own words, so that no path is told."""
    kind = NoSpace if error.errno in _FULL else Failed
    hint = READ_ONLY if error.errno == errno.EROFS else None
    return kind(f"this machine could not do what it should: {os.strerror(error.errno or 0)}", hint=hint)


def is_read_only(path: Path) -> bool:
    """Whether the file system that holds it lets nobody write, for whatever reason."""
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def write_file(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Replace `path` by `data` atomically: temporary file, fsync, rename, fsync of the directory."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        descriptor = os.open(
            temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode
        )
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sweep(directory: Path) -> None:
    """Remove what a `write_file` left there that was killed. Nobody else may be writing."""
    for path in directory.glob(".*"):
        if _TEMPORARY.fullmatch(path.name) and not path.is_dir():
            path.unlink(missing_ok=True)


def remove_file(path: Path) -> None:
    """Remove `path`, if it is there, and make that durable."""
    path.unlink(missing_ok=True)
    sync_directory(path.parent)


def append_line(path: Path, line: bytes) -> None:
    """Add one line to a log of lines, which may not exist yet, and make it durable.

    Only its owner may read it. What a crash left unfinished at its end spoils no line but itself.
    """
    new = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "ab") as file:
        file.write(_unfinished(descriptor) + line + b"\n")
        file.flush()
        os.fsync(file.fileno())
    if new:
        sync_directory(path.parent)


def _unfinished(descriptor: int) -> bytes:
    """What ends the last line, if nothing does."""
    size = os.fstat(descriptor).st_size
    return b"\n" if size and os.pread(descriptor, 1, size - 1) != b"\n" else b""


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directories(path: Path, mode: int = 0o755) -> None:
    """Create `path` and its missing parents, durably."""
    if path.is_dir():
        return
    make_directories(path.parent, mode)
    path.mkdir(mode=mode, exist_ok=True)
    sync_directory(path.parent)
