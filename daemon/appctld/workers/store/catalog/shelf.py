# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Where catalogues stand: `catalogs/REMOTE/current/`, and below `swcatalog` one file of all of them.

Guarantees: `current` is moved in one step to a directory that is whole and on the disk, or not at all;
everybody may read what is in it; what has another name is nobody's. Leaves to others: which remotes count
(the daemon says so), and the file of all (united.py).
"""

import contextlib
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from appctld.errors import Failed
from appctld.model.remotename import REMOTE_NAME
from appctld.workers.store import disk
from appctld.workers.store.space import Room

CATALOG, INDEX, ICONS = "catalog.xml", "index.json", "icons"
_NAME = re.compile(REMOTE_NAME)
_PREPARED = re.compile("[0-9a-f]{16}")


@dataclass(frozen=True)
class Shelf:
    """Both places, absolute."""

    catalogs: Path
    united: Path

    def current(self, remote: str) -> Path:
        """The directory of a remote's catalogue, as others are told of it."""
        return self.catalogs / check_remote(remote) / disk.CURRENT

    def prepare(self, remote: str, files: Mapping[str, bytes], room: Room) -> str:
        """Put these files on the disk, whole, as nobody's yet; the name that `show` is to be given.

        Raises NoSpace, before anything is written.
        """
        room.take(sum(map(len, files.values())))
        self.catalogs.mkdir(mode=0o755, parents=True, exist_ok=True)
        with disk.opened(self.catalogs) as above:
            disk.make_directory(check_remote(remote), above)
            with disk.opened(remote, above) as directory:
                _clear(directory)
                name = secrets.token_hex(8)
                _write(name, files, directory)
                disk.sync(directory)
            os.fsync(above)
        return name

    def show(self, remote: str, name: str) -> None:
        """Let what was prepared be current; what was there before goes."""
        if not _PREPARED.fullmatch(name):
            raise Failed(f"{name[:80]!r} is not the name of a catalogue that was prepared")
        with disk.opened(self.catalogs / check_remote(remote)) as directory, disk.opened(name, directory):
            disk.point(name, directory)
            _clear(directory)

    def drop(self, remotes: Iterable[str]) -> None:
        """Remove what is here of these remotes."""
        with contextlib.suppress(FileNotFoundError), disk.opened(self.catalogs) as above:
            for remote in remotes:
                disk.remove_tree(check_remote(remote), above)
            os.fsync(above)

    def remotes(self) -> list[str]:
        """The remotes of which anything is here, by name."""
        with contextlib.suppress(FileNotFoundError), disk.opened(self.catalogs) as above:
            return [name for name in disk.entries(above) if _NAME.fullmatch(name)]
        return []

    def sweep(self) -> None:
        """Remove what was prepared or removed by who was killed; nobody else may be at work."""
        for place in (self.catalogs, self.united, self.united / "xml"):
            with contextlib.suppress(FileNotFoundError), disk.opened(place) as directory:
                disk.sweep(directory)
        for remote in self.remotes():
            with disk.opened(self.catalogs / remote) as directory:
                _clear(directory)

    def target(self, remote: str) -> str | None:
        """The name of what is current, if anything is."""
        with contextlib.suppress(FileNotFoundError), disk.opened(self.catalogs / remote) as directory:
            return disk.current(directory)
        return None


def document(origin: str, components: Iterable[bytes]) -> Iterator[bytes]:
    """A catalogue's file: a line before the components, a line behind, and each of them on its own."""
    yield b'<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f'<components version="1.0" origin="{origin}">\n'.encode()
    yield from components
    yield b"</components>\n"


def check_remote(name: str) -> str:
    """Give back a remote's name, which is one component of a path; anything else is `Failed`."""
    if not _NAME.fullmatch(name):
        raise Failed(f"{name[:80]!r} is not the name of a remote")
    return name


def _clear(directory: int) -> None:
    """Remove all but what is current."""
    kept = {disk.CURRENT, disk.current(directory)}
    for name in disk.entries(directory):
        if name not in kept:
            disk.remove_tree(name, directory)


def _write(name: str, files: Mapping[str, bytes], directory: int) -> None:
    disk.make_directory(name, directory)
    with disk.opened(name, directory) as top:
        for path, data in files.items():
            with contextlib.ExitStack() as stack:
                *above, last = path.split("/")
                within = top
                for part in above:
                    disk.make_directory(part, within)
                    within = stack.enter_context(disk.opened(part, within))
                disk.write_bytes(last, data, within, durable=False)
