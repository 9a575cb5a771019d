# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Whether a checkout is what its commit says: nothing else, nothing less, nothing added.

Guarantees: no symlink is followed; a file counts when it is the object's own inode, or holds the same bytes
(a copy: EMLINK) with the object's mode; what is no regular file is not opened. Leaves to others: whether the
objects are right, which was found out before.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from appctld.errors import AppctlError
from appctld.workers.store import disk
from appctld.workers.store.audit.reach import Reached
from appctld.workers.store.ostree.failures import translated
from appctld.workers.store.ostree.kinds import Kind, loose_path
from appctld.workers.store.ostree.objects import disk_mode
from appctld.workers.store.ostree.repository import Repository

OPEN = 0o755  # a deployment's directories (R12)

Tell = Callable[[str, str], None]
"""Takes what is wrong, and the path below the directory with the files."""


class Checkout:
    """One deployment's files; `tell` hears of every difference."""

    def __init__(self, repository: Repository, reached: Reached, tell: Tell) -> None:
        self._repository = repository
        self._reached = reached
        self._tell = tell

    def directory(self, within: int, tree: str, path: str = "") -> None:
        """Hold an open directory against a dirtree, and all below; what a wrong dirtree holds is unknown."""
        self.mode(within, OPEN, path)
        wanted = self._reached.trees.get(tree)
        if wanted is None:
            return
        here = set(os.listdir(within))
        for name in sorted(here - {*wanted.files, *wanted.dirs}):
            self._tell("it is not in the commit", _join(path, name))
        for name in sorted({*wanted.files, *wanted.dirs} - here):
            self._tell("it is missing", _join(path, name))
        for name in sorted(here & set(wanted.files)):
            self._file(name, within, wanted.files[name], _join(path, name))
        for name in sorted(here & set(wanted.dirs)):
            self._enter(name, within, wanted.dirs[name][0], _join(path, name))

    def _enter(self, name: str, within: int, tree: str, path: str) -> None:
        try:
            with disk.opened(name, within) as directory:
                self.directory(directory, tree, path)
        except OSError:
            self._tell("it is no directory that can be read", path)

    def _file(self, name: str, within: int, obj: str, path: str) -> None:
        mode = self._reached.modes.get(obj)
        if mode is None:
            return  # the object is wrong, and was named
        status = os.stat(name, dir_fd=within, follow_symlinks=False)
        if stat.S_ISLNK(mode):
            if not stat.S_ISLNK(status.st_mode) or os.readlink(name, dir_fd=within) != self._target(obj):
                self._tell("it is not the symlink that the commit has", path)
        elif not stat.S_ISREG(status.st_mode):
            self._tell("it is no regular file", path)
        elif not self._is_object(status, obj):
            self._check_mode(status, disk_mode(mode), path)
            if not self._is_copy(name, within, obj):
                self._tell("it is not the file that the commit has", path)

    def mode(self, directory: int, wanted: int, path: str) -> None:
        """Hold an open directory's mode against what it should be."""
        self._check_mode(os.fstat(directory), wanted, path)

    def _check_mode(self, status: os.stat_result, wanted: int, path: str) -> None:
        found = stat.S_IMODE(status.st_mode)
        if found != wanted:
            self._tell(f"it has mode {found:04o}, not {wanted:04o}", path)

    def _is_object(self, status: os.stat_result, obj: str) -> bool:
        """Whether a file is a hard link to its object, which was hashed."""
        stored = self._repository.stat(Kind.FILE, obj)
        return stored is not None and (stored.st_dev, stored.st_ino) == (status.st_dev, status.st_ino)

    def _is_copy(self, name: str, within: int, obj: str) -> bool:
        stored = self._repository.path / loose_path(Kind.FILE, obj)
        try:
            return _same_bytes(name, within, stored)
        except OSError:
            return False

    def _target(self, obj: str) -> str | None:
        try:
            with translated(f"reading symlink {obj}"):
                _, _, info, _ = self._repository.library.load_file(obj, None)
        except AppctlError:
            return None
        target: str | None = info.get_symlink_target()
        return target


def _same_bytes(name: str, within: int, stored: Path) -> bool:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(name, flags, dir_fd=within)
    with os.fdopen(descriptor, "rb") as mine, stored.open("rb") as theirs:
        while True:
            piece = mine.read(disk.COPY)
            if piece != theirs.read(disk.COPY):
                return False
            if not piece:
                return True


def _join(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name
