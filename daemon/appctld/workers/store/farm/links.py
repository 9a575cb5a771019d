# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`exports/share`: relative links through `apps/ID/current/export/share`, which `current` switches together.

Guarantees: before `current` moves only names are added, which lead nowhere until then; afterwards the links
are exactly those of the current deployments, however they were before, so a kill in between leaves nothing
that the next `settle` does not mend. A name that two apps export is that of the longer ID, which it lies
under, whoever was first. What is no link, and no cache of what is there, is removed. Leaves to others: the
content of caches (caches.py), and that names lie under their app's ID (exports/).
"""

import contextlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Self

from appctld.errors import AppctlError
from appctld.model.jsonvalue import JsonObject, get_str
from appctld.workers.store import disk, names
from appctld.workers.store.farm.collect import SHARE

STALE = ".stale"  # beside `share`: what is exported is other than what the caches were made of
KEPT = ("applications", "dbus-1/services")  # there from the start: desktops and buses watch what is there

PACKAGES = "mime/packages/"
CACHES = {"applications/mimeinfo.cache": "applications/", "icons/hicolor/icon-theme.cache": "icons/hicolor/"}
"""What desktops' own programs make, and of what; below `mime` it is all but the packages."""

_WATCHED = ("applications", "icons/hicolor")
"""Where desktops look for changes, by their times, too: of a link that leads elsewhere they hear nothing."""


class Farm:
    """The links of one state directory."""

    def __init__(self, exports: Path, apps: Path) -> None:
        self.exports = exports
        self._apps = apps

    @classmethod
    def parse(cls, request: JsonObject) -> Self:
        """From a request's `exports` and `apps`."""
        return cls(Path(get_str(request, "exports")), Path(get_str(request, "apps")))

    def announce(self, app_id: str, deployment: str) -> None:
        """Add what a deployment that becomes current brings anew. Raises OSError."""
        wanted = self._wanted({app_id: deployment})
        with self._share() as share:
            if app_id in wanted.values():  # under the same names there may be other files
                self._mark_stale()
            for path, owner in wanted.items():
                if not _is_there(path, share):
                    _link(path, owner, share)

    def settle(self) -> None:
        """Let the links be those of what is current. Raises OSError, when all has been done that could be."""
        wanted = self._wanted({})
        with self._share() as share:
            there = dict(walk(share))
            doomed = [path for path, kind in there.items() if not _stays(path, kind, wanted)]
            missing = [path for path in wanted if there.get(path) != _target(path, wanted[path])]
            steps: list[Callable[[], None]] = [partial(remove, path, share) for path in doomed]
            steps += [partial(_link, path, wanted[path], share) for path in missing]
            if steps or (self.exports / STALE).exists():
                steps = [self._mark_stale, *steps, *(partial(_touch, path, share) for path in _WATCHED)]
            _do_all(steps)

    @contextlib.contextmanager
    def _share(self) -> Iterator[int]:
        """`exports/share`, made if it is not there, with what is always in it."""
        with disk.opened(self.exports.parent) as root:
            disk.make_directory(self.exports.name, root)
        with disk.opened(self.exports) as exports:
            disk.make_directory("share", exports)
            with disk.opened("share", exports) as share:
                for path in KEPT:
                    with disk.descended(path.split("/"), share, create=True):
                        pass
                yield share

    def _mark_stale(self) -> None:
        (self.exports / STALE).touch(mode=0o644)

    def _wanted(self, instead: Mapping[str, str]) -> dict[str, str]:
        """Which app each name belongs to, as if the deployments of `instead` were current."""
        found: dict[str, str] = {}
        with contextlib.suppress(FileNotFoundError), disk.opened(self._apps) as apps:
            for app_id in sorted(filter(names.is_id, disk.entries(apps)), key=len):
                found |= dict.fromkeys(exported(app_id, instead.get(app_id), apps), app_id)
        return found


def exported(app_id: str, deployment: str | None, apps: int) -> list[str]:
    """Paths below the `share` of an app's deployment, or of its current one."""
    with (
        contextlib.suppress(FileNotFoundError, NotADirectoryError, AppctlError),
        contextlib.ExitStack() as stack,
    ):
        app = stack.enter_context(disk.opened(app_id, apps))
        name = deployment or disk.current(app)
        if name is not None:
            share = stack.enter_context(disk.descended([name, *SHARE.split("/")], app))
            return [path for path, kind in walk(share) if kind is _FILE]
    return []


_FILE, _OTHER, _DIRECTORY = "/file", "/other", "/directory"


def walk(top: int, above: str = "") -> Iterator[tuple[str, str]]:
    """Everything below a directory, what is inside before what it is in: its path, and a link's target.

    Of what is no link one of three words, which begin with `/` as none of our links does.
    """
    for name in disk.entries(top):
        path = f"{above}{name}"
        mode = os.stat(name, dir_fd=top, follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode):
            with contextlib.suppress(PermissionError), disk.opened(name, top) as directory:
                yield from walk(directory, f"{path}/")
            yield path, _DIRECTORY
        elif stat.S_ISLNK(mode):
            yield path, os.readlink(name, dir_fd=top)
        else:
            yield path, _FILE if stat.S_ISREG(mode) else _OTHER


def source_of(path: str) -> str:
    """What the cache at a path below `share` is made of; empty for what is none."""
    if path.startswith("mime/") and not path.startswith(PACKAGES):
        return PACKAGES
    return CACHES.get(path, "")


def is_directory(kind: str) -> bool:
    """Whether `walk` says so."""
    return kind is _DIRECTORY


def is_file(kind: str) -> bool:
    """The same of a regular file."""
    return kind is _FILE


def remove(path: str, share: int) -> None:
    """A name, or a directory that is empty by now: what is inside came before it. Raises OSError."""
    *directories, name = path.split("/")
    with disk.descended(directories, share) as directory:
        if disk.is_directory(name, directory):
            os.rmdir(name, dir_fd=directory)
        else:
            os.unlink(name, dir_fd=directory)


def _stays(path: str, kind: str, wanted: Mapping[str, str]) -> bool:
    """Whether what is there may stay: a link as it should be, a cache of something, a directory of either."""
    if kind is _FILE:
        return bool(source := source_of(path)) and _has(wanted, source)
    if kind is _DIRECTORY:
        beginnings = (f"{path}/", source_of(path) or f"{path}/")
        return any(f"{kept}/".startswith(beginnings[0]) for kept in KEPT) or any(
            _has(wanted, beginning) for beginning in beginnings
        )
    return path in wanted  # a link that leads elsewhere is replaced


def _has(wanted: Mapping[str, str], beginning: str) -> bool:
    return any(path.startswith(beginning) for path in wanted)


def _target(path: str, app_id: str) -> str:
    """Where the link at a path below `share` leads: up to the state directory, and down to the app."""
    return "../" * (path.count("/") + 2) + f"apps/{app_id}/current/{SHARE}/{path}"


def _is_there(path: str, share: int) -> bool:
    with contextlib.suppress(NotADirectoryError):
        return disk.exists(path, share)
    return False


def _link(path: str, app_id: str, share: int) -> None:
    """Put one link in the place of whatever has its name."""
    *directories, name = path.split("/")
    with disk.descended(directories, share, create=True) as directory:
        temporary = disk.staging_name()
        os.symlink(_target(path, app_id), temporary, dir_fd=directory)
        os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)


def _do_all(steps: Iterable[Callable[[], None]]) -> None:
    """One that fails keeps no other back: somebody's directory in ours, a disk without room for one link."""
    failed: list[OSError] = []
    for step in steps:
        try:
            step()
        except OSError as error:
            failed.append(error)
    if failed:
        raise failed[0]


def _touch(path: str, share: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.utime(path, dir_fd=share)
