# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The logins of the system, /etc/appctl/auth.json: for root's jobs and the timers, written by root alone.

Guarantees: no link is followed, for the directory belongs to the daemon's user, who must not make root write
elsewhere; the file is replaced whole by one that root may change and the daemon may read, and nobody else.
They never cross the bus.
"""

import contextlib
import grp
import json
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from appctl.failure import Failure
from appctl.logins.auth_files import with_login, without_login
from appctl.logins.credentials import FILE_BYTES, parsed
from appctl.places import SYSTEM_CONFIG
from appctl.talk.wire import Json

NAME = "auth.json"
DAEMON = "appctl"  # the group as which the daemon runs


def check_root() -> None:
    """Raise Failure for who may not keep logins for the system."""
    if os.geteuid() != 0:
        message = "only root keeps logins for the system"
        raise Failure("NotAuthorized", message, "sudo appctl login --system HOST")


def remember(host: str, username: str, password: str) -> Path:
    """Keep a login. Returns the file. Raises Failure."""
    _change(lambda content: with_login(content, host, username, password))
    return SYSTEM_CONFIG / NAME


def forget(host: str) -> bool:
    """Drop a host's login; whether there was one. Raises Failure."""
    return _change(lambda content: without_login(content, host))


def _change(change: Callable[[Json], Json]) -> bool:
    """Change the file's content; whether it is another now."""
    check_root()
    try:
        with _directory() as directory:
            before = _read(directory)
            after = change(before)
            if after != before:
                _replace(directory, json.dumps(after, indent=2).encode())
            return after != before
    except OSError as error:
        path = SYSTEM_CONFIG / NAME
        message = f"{path} cannot be written: {error.strerror}"
        raise Failure("Failed", message, f"ls -ld {SYSTEM_CONFIG} {path}") from error


@contextlib.contextmanager
def _directory() -> Iterator[int]:
    number = os.open(SYSTEM_CONFIG, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield number
    finally:
        os.close(number)


def _read(directory: int) -> Json:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        number = os.open(NAME, flags, dir_fd=directory)
    except FileNotFoundError:
        return {}
    with os.fdopen(number, "rb") as file:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise Failure("Failed", f"{SYSTEM_CONFIG / NAME} is no regular file", f"ls -l {SYSTEM_CONFIG}")
        return parsed(SYSTEM_CONFIG / NAME, file.read(FILE_BYTES + 1))


def _replace(directory: int, data: bytes) -> None:
    """Put a new file in the place of the old name; what that led to stays as it is."""
    draft = f".{NAME}.{secrets.token_hex(8)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    number = os.open(draft, flags, 0o600, dir_fd=directory)
    try:
        with os.fdopen(number, "wb") as file:
            os.fchown(number, 0, _group())
            os.fchmod(number, 0o640)
            file.write(data)
            file.flush()
            os.fsync(number)
        os.rename(draft, NAME, src_dir_fd=directory, dst_dir_fd=directory)
        os.fsync(directory)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(draft, dir_fd=directory)
        raise


def _group() -> int:
    try:
        return grp.getgrnam(DAEMON).gr_gid
    except KeyError:
        message = f"there is no group {DAEMON}: appctl is not installed for all users here"
        raise Failure("Failed", message, "appctl login HOST    (your own)") from None
