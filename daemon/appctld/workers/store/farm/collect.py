# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A deployment's exports: the files of its commit that a desktop may read, as emit.py writes them anew.

Guarantees: they are found in dirtrees and read from objects, so no path of an image is ever opened and no
symlink followed; number and bytes are bounded; what is refused is named with its reason, and fails nothing.
Leaves to others: what a file may say (exports/), that objects are what they were (closure.py), and where the
links to them are (links.py).
"""

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Self

from appctld.model.jsonvalue import Json, JsonObject, get_object, get_str, get_strings
from appctld.workers.store import disk
from appctld.workers.store.exports.desktop.entry import MAIN
from appctld.workers.store.exports.desktop.values import groups_of
from appctld.workers.store.exports.emit import Exporter, emit_all, wanted
from appctld.workers.store.exports.names import ALL_BYTES, DIRECTORIES, FILES, LIMITS
from appctld.workers.store.farm.host import taken
from appctld.workers.store.ostree.closure import Inode
from appctld.workers.store.ostree.kinds import Kind, loose_path
from appctld.workers.store.ostree.tree import DirTree
from appctld.workers.store.space import BLOCK

SHARE = "export/share"  # below a deployment
EXPORTS = "exports.json"  # beside its record: what is there, and what is not, for which command
FORMAT = 4  # another makes a start write them again

FILE_BYTES = max(LIMITS.values())
READ_FILES = 2 * FILES  # of one app: what is more than it may export anyway is not read
READ_BYTES = 2 * ALL_BYTES
REFUSED = 100  # told of one app; more says nothing that these do not
TOLD_BYTES = 512  # of a path, and of a reason

DESKTOPS = "applications/"
MIME = "mime/packages/"
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Desktop:
    """How this scope's apps are started, and where the host has its own files of the kind."""

    command: tuple[str, ...]
    host: tuple[Path, ...]

    @classmethod
    def parse(cls, request: JsonObject) -> Self:
        """From a request's `desktop`; without a command nothing is exported."""
        given = get_object(request, "desktop", {})
        return cls(tuple(get_strings(given, "command", [])), tuple(map(Path, get_strings(given, "host", []))))


@dataclass(frozen=True, slots=True)
class Content:
    """A commit's content, as it was looked at: `content` is of every object, `symlinks` hold one."""

    repository: int
    trees: Mapping[str, DirTree]
    content: Mapping[str, Inode]
    symlinks: Collection[str]


@dataclass(frozen=True, slots=True)
class Exports:
    """`files` are paths below `share` with their bytes, `refused` others with the reason."""

    command: tuple[str, ...]
    files: Mapping[str, bytes]
    refused: tuple[tuple[str, str], ...]
    icon: str = ""

    @property
    def cost(self) -> int:
        """Bytes that they take on a disk at most, each with a directory of its own."""
        return sum(3 * BLOCK + len(data) for data in self.files.values())

    def to_json(self) -> JsonObject:
        """What stands in EXPORTS."""
        refused: list[Json] = [[path, reason] for path, reason in self.refused]
        return {
            "format": FORMAT,
            "command": [*self.command],
            "files": [*self.files],
            "sha256": {path: sha256(data).hexdigest() for path, data in self.files.items()},
            "refused": refused,
            "icon": self.icon,
        }

    def write(self, within: int) -> int:
        """Make `export/share` in a directory where it is not yet; bytes that the files take.

        Who calls syncs the disk before anything counts that is written.
        """
        return sum(self._write(path, data, within) for path, data in self.files.items())

    def _write(self, path: str, data: bytes, within: int) -> int:
        *directories, name = f"{SHARE}/{path}".split("/")
        with disk.descended(directories, within, create=True) as directory:
            return disk.write_bytes(name, data, directory, durable=False)


def place_of(run: JsonObject) -> str:
    """The directory of an image whose files are shown to desktops; empty where nobody starts anything."""
    if get_str(run, "kind", "app") != "app":
        return ""
    if not get_str(run, "runtime", ""):
        return "usr/share"
    app = get_str(run, "app", "app")
    return "export/share" if app == "files" else f"{app}/share"  # flatpak's builder puts them there


def collect(app_id: str, place: str, root: str, content: Content, desktop: Desktop) -> Exports:
    """What a tree exports, every file of it written anew."""
    found, refused = _found(app_id, place, root, content)
    has_types = any(path.startswith(MIME) for path in found)
    types = taken(desktop.host) if has_types else frozenset()
    app = Exporter(app_id, desktop.command, taken=types)
    made = emit_all(found, app)
    told = sorted((refused | made.refused).items())[:REFUSED]
    icon = _icon(made.files.get(f"{DESKTOPS}{app_id}.desktop", b""))
    shown = tuple((path[:TOLD_BYTES], reason[:TOLD_BYTES]) for path, reason in told)
    return Exports(desktop.command, dict(sorted(made.files.items())), shown, icon)


def _found(app_id: str, place: str, root: str, content: Content) -> tuple[dict[str, bytes], dict[str, str]]:
    """The bytes of every file that could be exported; of what is none that can be read, why."""
    found: dict[str, bytes] = {}
    refused: dict[str, str] = {}
    room = READ_BYTES
    for path, name in _candidates(app_id, place, root, content.trees):
        size = content.content[name].size
        if name in content.symlinks:
            refused[path] = "it is a symbolic link"
        elif size > FILE_BYTES:
            refused[path] = f"it has {size} bytes, more than {FILE_BYTES}"
        elif len(found) >= READ_FILES or size > room:
            refused[path] = "the app has too many such files"
        else:
            found[path] = _read(name, content.repository)
            room -= size
    return found, refused


def _candidates(
    app_id: str, place: str, root: str, trees: Mapping[str, DirTree]
) -> Iterator[tuple[str, str]]:
    """Paths below `place` that are wanted, with their objects, sorted."""
    for top in DIRECTORIES:
        tree = _below(root, f"{place}/{top}".split("/"), trees)
        if tree is not None:
            for path, name in _walk(tree, top, trees):
                if wanted(path, app_id):
                    yield path, name


def _below(root: str, parts: list[str], trees: Mapping[str, DirTree]) -> str | None:
    tree = root
    for part in parts:
        below = trees[tree].dirs.get(part)
        if below is None:
            return None
        tree = below[0]
    return tree


def _walk(root: str, above: str, trees: Mapping[str, DirTree]) -> Iterator[tuple[str, str]]:
    """Every file; names and levels were counted when the inventory was made."""
    waiting = [(root, above)]
    while waiting:
        tree, path = waiting.pop()
        here = trees[tree]
        yield from ((f"{path}/{name}", file) for name, file in sorted(here.files.items()))
        waiting += [(below, f"{path}/{name}") for name, (below, _) in here.dirs.items()]


def _read(name: str, repository: int) -> bytes:
    descriptor = os.open(loose_path(Kind.FILE, name), _READ, dir_fd=repository)
    with os.fdopen(descriptor, "rb") as file:
        return file.read(FILE_BYTES)


def _icon(desktop: bytes) -> str:
    """What a desktop file that we wrote names, which is an own name: nothing in it is escaped."""
    return groups_of(desktop).get(MAIN, {}).get("Icon", "")
