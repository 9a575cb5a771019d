# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The files of a layout in a directory.

Guarantees: no symlink is followed, at any component, and nothing but a regular file is opened for long: a
FIFO does not make us wait. Who may write into the directory is the daemon's question.
"""

import errno
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from appctld.errors import RegistryUnavailable, UnsafeArchive
from appctld.workers.fetch.layout.member import Member

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NOT_PLAIN = frozenset({errno.ELOOP, errno.ENOTDIR, errno.ENXIO})  # a symlink, a file; a socket


class Directory:
    """One directory, opened anew for each file, so that what an administrator puts there counts at once."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def place(self) -> str:
        """See `Files.place`."""
        return str(self._path)

    @property
    def links(self) -> Mapping[str, str]:
        """See `Files.links`; here each is refused when it is met."""
        return {}

    def open(self, *name: str) -> Member | None:
        """See `Files.open`."""
        shown = str(self._path.joinpath(*name))
        try:
            descriptor = self._descend(name)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno in _NOT_PLAIN:
                raise UnsafeArchive(f"{shown} is no regular file, or lies behind a link") from error
            raise RegistryUnavailable(f"{shown}: {error.strerror}") from error
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(descriptor)
            raise UnsafeArchive(f"{shown} is no regular file")
        return Member(shown, descriptor, 0, status.st_size, owns=True)

    def _descend(self, name: tuple[str, ...]) -> int:
        """The open file, reached component by component."""
        *directories, last = name
        at = os.open(self._path, _DIRECTORY)
        try:
            for component in directories:
                below = os.open(component, _DIRECTORY, dir_fd=at)
                os.close(at)
                at = below
            return os.open(last, _FILE, dir_fd=at)
        finally:
            os.close(at)
