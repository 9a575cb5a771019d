# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is installed, from memory where the disk says that nothing changed since it was read.

Guarantees: an answer is never older than the files: an app is read again unless its directory (in which
`current` is renamed, and deployments come and go) and each of its records are the inodes that were read, at
the times of then. An app with a record that could not be read is read again each time. Leaves to others: what
a record means (records.py).
"""

import os
import time
from dataclasses import dataclass

from appctld.state.paths import Paths
from appctld.state.records import Installed, app_names, deployments, read_app

SETTLED = 2 * 10**9  # nanoseconds; within a tick of the file system's clock two changes look like one


@dataclass(frozen=True, slots=True)
class _Read:
    """An app as it was read, with the inodes that were looked at before."""

    app: Installed
    seen: tuple[tuple[int, ...], ...]
    settled: bool


class Reading:
    """One state directory, read again and again."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._known: dict[str, _Read] = {}

    def installed(self) -> dict[str, Installed]:
        """Every app that has a current deployment, by ID; the same object as long as nothing changed."""
        apps = str(self._paths.apps)
        found = {name: self._read(f"{apps}/{name}", name) for name in app_names(self._paths)}
        self._known = {name: read for name, read in found.items() if read is not None}
        return {name: read.app for name, read in self._known.items()}

    def _read(self, directory: str, name: str) -> _Read | None:
        known = self._known.get(name)
        if known is not None and known.settled and _look(directory, known.app) == known.seen:
            return known
        before, path = time.time_ns(), self._paths.app(name)
        app = read_app(path)
        if app is None:
            return None
        seen, whole = _look(directory, app), len(deployments(path)) == len(app.records)
        return _Read(app, seen, settled=whole and all(max(times) < before - SETTLED for _, *times in seen))


def _look(directory: str, app: Installed) -> tuple[tuple[int, ...], ...]:
    """Inode, and times of the last changes, of an app's directory and of each of its records."""
    paths = [directory, *(f"{directory}/{record.deployment}/record.json" for record in app.records)]
    return tuple(map(_look_at, paths))


def _look_at(path: str) -> tuple[int, ...]:
    try:
        status = os.stat(path, follow_symlinks=False)  # noqa: PTH116 - for thousands of them a Path is too slow
    except OSError:
        return (0, time.time_ns())  # never what it was
    return (status.st_ino, status.st_mtime_ns, status.st_ctime_ns)
