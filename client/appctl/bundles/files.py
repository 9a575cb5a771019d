# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The files of a layout that the caller has, opened so that no link leads out of it.

What is sent to the daemon ends up with everybody who may see the app, so a directory from somebody else must
not be able to name the caller's own files.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from appctl.failure import SMALLER, UNREADABLE, Failure

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_LINKS = frozenset({errno.ELOOP, errno.ENOTDIR})  # the second for one that is to be a directory
Name = tuple[str, ...]
ANEW = "skopeo copy IMAGE oci:DIR    (writes such a directory whole)"


@contextlib.contextmanager
def opened(directory: Path, name: Name) -> Iterator[int]:
    """The plain file of that name below the directory. Raises Failure, or FileNotFoundError."""
    shown = directory.joinpath(*name)
    try:
        descriptor = _descend(directory, name)
    except FileNotFoundError:
        raise
    except OSError as error:
        hint = "a link is not followed" if error.errno in _LINKS else UNREADABLE
        raise Failure("BadManifest", f"{shown}: {error.strerror}", hint) from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Failure("BadManifest", f"{shown} is no regular file", ANEW)
        yield descriptor
    finally:
        os.close(descriptor)


def size_of(directory: Path, name: Name) -> int | None:
    """How many bytes it has; None where it is not there. Raises Failure."""
    try:
        with opened(directory, name) as descriptor:
            return os.fstat(descriptor).st_size
    except FileNotFoundError:
        return None


def read(directory: Path, name: Name, limit: int) -> bytes:
    """A document's bytes. Raises Failure where it is not there, or larger than `limit`."""
    shown = directory.joinpath(*name)
    try:
        with opened(directory, name) as descriptor:
            data = os.pread(descriptor, limit + 1, 0)
    except FileNotFoundError as error:
        raise Failure("NotFound", f"there is no {shown}", ANEW) from error
    if len(data) > limit:
        raise Failure("LimitExceeded", f"{shown} has more than {limit} bytes", SMALLER)
    return data


def _descend(directory: Path, name: Name) -> int:
    *above, last = name
    at = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)  # that one may be a link
    try:
        for component in above:
            below = os.open(component, _DIRECTORY, dir_fd=at)
            os.close(at)
            at = below
        return os.open(last, _FILE, dir_fd=at)
    finally:
        os.close(at)
