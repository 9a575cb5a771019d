# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Paths of the host that an app is shown: opened without following a link, and bound as they were opened.

Guarantees: what an app planted in a directory that it may write leads nowhere: not by a link that is there
before it starts, nor by one that another of its instances puts there meanwhile. For where bubblewrap has
--bind-fd (0.10, and older ones as distributions mended them for CVE-2024-42472), it binds the very directory
that was opened here, or dies.

Not closed: an older bubblewrap is given the path. An app that runs already, and may write the directory above
that path, can then swap it for a link between the look here and the mount, and so show its next instance
another place of the caller's. Whether a path may be shown is decided elsewhere (grants/).
"""

import contextlib
import errno
import functools
import os
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from appctl.running.failed import failed

# How bubblewrap is always called: namespaces of its own, and nothing that the process or the caller had
APART = ("--unshare-all",)
ISOLATED = ("--unshare-user", "--disable-userns", "--cap-drop", "ALL", "--die-with-parent", "--clearenv")
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}  # of bubblewrap itself
_LOOK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class Source:
    """What lies at a path, as an open O_PATH descriptor; `path` has no link in it."""

    descriptor: int
    path: Path

    @property
    def mode(self) -> int:
        """The file's type and permissions (inode(7))."""
        return os.fstat(self.descriptor).st_mode


class Sources:
    """Everything that was opened for one run: it stays open until bubblewrap has it."""

    def __init__(self) -> None:
        self.descriptors: list[int] = []

    def open(self, base: Path, below: str, *, create: bool = False) -> Source:
        """Open `below`, relative and normalized, without following a link below `base`, whose own count.

        With `create` directories that are missing are made. Raises OSError (a link below the base is ELOOP).
        """
        path = Path(os.path.realpath(base))
        descriptor = os.open(path, _LOOK)
        try:
            for part in Path(below).parts:
                path /= part
                if create:
                    _make(part, descriptor)
                inner = os.open(part, _LOOK, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = inner
                _check(descriptor, path)
            _check(descriptor, path)
        except OSError:
            os.close(descriptor)
            raise
        self.descriptors.append(descriptor)
        return Source(descriptor, path)

    def look(self, base: Path, path: str, *, create: bool = False) -> tuple[Source | None, str]:
        """Open an absolute path, below `base` as `open` does, elsewhere without any link.

        Without anything there, or behind a link: None, and why if it is worth telling.
        """
        start = base if Path(path).is_relative_to(base) else Path("/")
        try:
            return self.open(start, os.path.relpath(path, start), create=create), ""
        except OSError as error:
            return None, " (behind a symbolic link)" if error.errno == errno.ELOOP else ""

    def bind(self, source: Source, place: str, *, read_only: bool) -> tuple[str, ...]:
        """Return the bubblewrap arguments that show what was opened at `place`. Raises Failure."""
        kind = "--ro-bind" if read_only else "--bind"
        if self._by_descriptor:
            return f"{kind}-fd", str(source.descriptor), place
        return kind, str(source.path), place

    @functools.cached_property
    def _by_descriptor(self) -> bool:
        """Whether bubblewrap has --bind-fd; its version does not tell, distributions added it to old ones."""
        told = subprocess.run([bubblewrap(), "--help"], env=ENVIRONMENT, capture_output=True, check=False)
        return b" --ro-bind-fd " in told.stdout + told.stderr


def _make(name: str, directory: int) -> None:
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, mode=0o700, dir_fd=directory)


def _check(descriptor: int, path: Path) -> None:
    """Raise OSError unless what was opened is no link, and still where it was looked for."""
    found = f"/proc/self/fd/{descriptor}"
    if stat.S_ISLNK(os.fstat(descriptor).st_mode) or Path(found).readlink() != path:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))


def bubblewrap() -> str:
    """Find bubblewrap. Raises Failure."""
    program = shutil.which("bwrap", path="/usr/bin:/bin:/usr/local/bin")
    if program is None:
        raise failed("bubblewrap is missing, and no app is run without it", "apt install bubblewrap")
    return program
