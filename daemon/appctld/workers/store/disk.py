# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The file system calls that deploying, removing and recovering share.

Guarantees: everything is relative to a descriptor and no symlink is followed; names are made by us or were
checked (names.py); what `sync` and `point` did is on the disk when they return. Leaves to others: the order
of these calls, which is what R10 is about.
"""

import contextlib
import ctypes
import json
import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from appctld.errors import LimitExceeded, RepoCorrupt
from appctld.model.jsonvalue import JsonObject, parse_object

STAGING = ".staging-"  # whatever has this prefix is nobody's after a crash
CURRENT = "current"

RECORD_BYTES = 1 << 20  # what the daemon reads of a record.json, and a client of a run.json; ours have KiB

PROVENANCE = "provenance.json"
PROVENANCE_BYTES = (
    34 << 20
)  # as state/provenance.py says: documents and signatures in base64; the daemon's own

COPY = 1 << 20  # bytes that are compared at a time

_OPEN = 0o755  # deployments are read by every user who runs the app
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_libc = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def opened(path: Path | str, within: int | None = None) -> Iterator[int]:
    """A descriptor of a directory that is no symlink; FileNotFoundError if it is not there."""
    descriptor = os.open(path, _DIRECTORY, dir_fd=within)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def descended(parts: Sequence[str], within: int, *, create: bool = False) -> Iterator[int]:
    """A descriptor of a directory below others, each no symlink; with `create` they are made as they lack."""
    descriptor = os.dup(within)
    try:
        for part in parts:
            if create:
                make_directory(part, descriptor)
            above, descriptor = descriptor, os.open(part, _DIRECTORY, dir_fd=descriptor)
            os.close(above)
        yield descriptor
    finally:
        os.close(descriptor)


def make_directory(name: str, within: int) -> None:
    """Make a directory of mode 0755, whatever the umask; one that is there stays."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, _OPEN, dir_fd=within)
        with opened(name, within) as directory:
            os.fchmod(directory, _OPEN)


def exists(name: str, within: int) -> bool:
    """Whether there is anything of that name, be it a dangling symlink."""
    try:
        os.stat(name, dir_fd=within, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def is_directory(name: str, within: int) -> bool:
    """Whether what has that name is a directory, and no symlink to one."""
    return stat.S_ISDIR(os.stat(name, dir_fd=within, follow_symlinks=False).st_mode)


def entries(within: int) -> list[str]:
    """Names in a directory, sorted."""
    return sorted(os.listdir(within))


def staging_name() -> str:
    """A new name for something that does not count yet, or no longer."""
    return STAGING + secrets.token_hex(8)


def encode(name: str, value: JsonObject) -> bytes:
    """A record's bytes; LimitExceeded for one that nobody would read back."""
    limit = PROVENANCE_BYTES if name == PROVENANCE else RECORD_BYTES
    data = json.dumps(value, indent=1, sort_keys=True).encode() + b"\n"
    if len(data) > limit:
        raise LimitExceeded(f"a {name} of {len(data)} bytes; {limit} are allowed", limit=limit)
    return data


def write_json(name: str, value: JsonObject, within: int) -> None:
    """Write a new file of mode 0644; one that is there already is an error. Raises LimitExceeded."""
    write_bytes(name, encode(name, value), within)


def write_bytes(name: str, data: bytes, within: int, *, durable: bool = True) -> int:
    """The same of any bytes; what it takes on the disk. Where not `durable`, who calls uses `sync`."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(name, flags, 0o644, dir_fd=within)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o644)
        file.write(data)
        file.flush()
        if durable:
            os.fsync(descriptor)
        return os.fstat(descriptor).st_blocks * 512  # stat(2): whatever the file system's own blocks are


def read_json(name: str, within: int) -> JsonObject:
    """Read a record of ours; JsonError (a ValueError) or OSError if it is none."""
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=within)
    with os.fdopen(descriptor, "rb") as file:
        return parse_object(file.read(RECORD_BYTES + 1), RECORD_BYTES)


def current(within: int) -> str | None:
    """The name that `current` points to; None if there is none."""
    try:
        return os.readlink(CURRENT, dir_fd=within)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RepoCorrupt("an app's 'current' is no symlink") from error


def point(target: str, within: int) -> None:
    """Let `current` point to another deployment, in one step, durably: the commit point of every job."""
    temporary = staging_name()
    os.symlink(target, temporary, dir_fd=within)
    try:
        os.rename(temporary, CURRENT, src_dir_fd=within, dst_dir_fd=within)
    except OSError:
        os.unlink(temporary, dir_fd=within)
        raise
    os.fsync(within)


def sync(within: int) -> None:
    """Put everything that was written to this file system on the disk."""
    if _libc.syncfs(within) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def sweep(within: int) -> None:
    """Remove what is nobody's in a directory; nobody else may be at work there."""
    for name in entries(within):
        if name.startswith(STAGING):
            remove_tree(name, within)


def remove_tree(name: str, within: int) -> None:
    """Remove a directory with all that is in it; one that is not there is no error.

    It is renamed first, so that what is half removed does not look whole after a crash.
    """
    try:
        status = os.stat(name, dir_fd=within, follow_symlinks=False)
    except FileNotFoundError:
        return
    doomed = name if name.startswith(STAGING) else staging_name()
    os.rename(name, doomed, src_dir_fd=within, dst_dir_fd=within)
    if not stat.S_ISDIR(status.st_mode):
        os.unlink(doomed, dir_fd=within)
        return
    try:
        shutil.rmtree(doomed, dir_fd=within)
    except PermissionError:
        _open_up(doomed, within)
        shutil.rmtree(doomed, dir_fd=within)


def _open_up(name: str, within: int) -> None:
    """Let us into a directory and all below it: what a program left may be closed to its owner."""
    os.chmod(name, _OPEN, dir_fd=within)
    with opened(name, within) as directory, os.scandir(directory) as found:
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                _open_up(entry.name, directory)
