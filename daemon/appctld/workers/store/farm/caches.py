# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The operations around the host's cache programs: `prepare-caches` before they run, `take-caches` after.

Guarantees: the programs, which read what publishers wrote, work on a directory of their own that holds links
alone, and nothing leaves it but regular files of bounded size that are called as caches are called; they are
written anew. Leaves to others: the programs, and their sandbox (pipeline/exports/caches.py).
"""

import contextlib
import os
import re
import stat
from pathlib import Path

from appctld.errors import Failed
from appctld.model.jsonvalue import Json, JsonObject, get_str
from appctld.workers.protocol import Report
from appctld.workers.store import disk, kernel
from appctld.workers.store.farm.links import CACHES, PACKAGES, STALE, remove, source_of, walk
from appctld.workers.store.space import Room, free

CACHE_BYTES = 8 << 20  # of one; a distribution's whole icon cache without images has 200 KiB
TOTAL_BYTES = 32 << 20  # of all: they lie in memory together
CACHE_FILES = 2000  # of MIME types there is one a type, and an app has a dozen
ICONS = "icons/hicolor"

_MIME = re.compile(
    r"mime/(?:mime\.cache|aliases|generic-icons|globs2?|icons|magic|subclasses|treemagic|types|version"
    r"|XMLnamespaces|(?!packages/)[a-z]+/[A-Za-z0-9.+_-]{1,127}\.xml)"
)
_SCRATCH = re.compile(re.escape(disk.STAGING) + r"[0-9a-f]{16}")
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def prepare(request: JsonObject, _report: Report) -> JsonObject:
    """Copy the links for the programs -> `{"scratch", "sources"}`, a directory, and of what to make caches.

    `{"exports"}`. Without links that changed since the last time `scratch` is empty.
    """
    exports = Path(get_str(request, "exports"))
    if not (exports / STALE).exists():
        return {"scratch": "", "sources": []}
    with kernel.translated("preparing caches"), disk.opened(exports) as above:
        disk.sweep(above)
        name = disk.staging_name()
        disk.make_directory(name, above)
        with disk.opened("share", above) as share, disk.opened(name, above) as scratch:
            links = [(path, target) for path, target in walk(share) if not target.startswith("/")]
            for path, target in links:  # as deep as they were, so that they lead to the same places
                *directories, last = path.split("/")
                with disk.descended(directories, scratch, create=True) as directory:
                    os.symlink(target, last, dir_fd=directory)
    sources = [one for one in (*CACHES.values(), PACKAGES) if any(path.startswith(one) for path, _ in links)]
    return {"scratch": str(exports / name), "sources": list[Json](sources)}


def take(request: JsonObject, _report: Report) -> JsonObject:
    """Put what the programs made in its place, and remove the directory -> `{"caches"}`, how many.

    `{"exports", "scratch"}`. What was not made anew is removed: it is about other links. Raises NoSpace.
    """
    exports, scratch = Path(get_str(request, "exports")), Path(get_str(request, "scratch"))
    if scratch.parent != exports or not _SCRATCH.fullmatch(scratch.name):
        raise Failed(f"{scratch.name[:80]!r} is no directory that caches are made in")
    with kernel.translated("taking caches"), disk.opened(exports) as above:
        with disk.opened("share", above) as share, disk.opened(scratch.name, above) as made:
            room = Room(lambda: free(share))
            taken = _made(made)
            for path, data in taken.items():
                room.take(len(data))
                _put(path, data, share)
            for path in [path for path, _ in walk(share) if source_of(path) and path not in taken]:
                with contextlib.suppress(OSError):  # a directory that still holds something: it stays
                    remove(path, share)
            _settle_time(share)
        disk.sweep(above)
        disk.sync(above)  # before nobody would make them again
        with contextlib.suppress(FileNotFoundError):
            os.unlink(STALE, dir_fd=above)
    return {"caches": len(taken)}


def _made(scratch: int) -> dict[str, bytes]:
    """The caches that are there, each a path below `share` with its bytes."""
    found: dict[str, bytes] = {}
    room = TOTAL_BYTES
    for path in sorted((path for path, _ in walk(scratch)), key=_is_of_one_type):
        if len(found) < CACHE_FILES and (path in CACHES or _MIME.fullmatch(path)):
            data = _read(path, scratch)
            if data is not None and (room := room - len(data)) >= 0:
                found[path] = data
    return found


def _is_of_one_type(path: str) -> bool:
    """Whether it only describes one type; what all apps' types are found by goes first."""
    return path.endswith(".xml")


def _read(path: str, top: int) -> bytes | None:
    """A regular file's bytes; None for anything else, and for what is too large."""
    *directories, name = path.split("/")
    with disk.descended(directories, top) as directory:
        mode, size = _look(name, directory)
        if not stat.S_ISREG(mode) or size > CACHE_BYTES:
            return None
        with os.fdopen(os.open(name, _READ, dir_fd=directory), "rb") as file:
            return file.read(CACHE_BYTES)


def _look(name: str, directory: int) -> tuple[int, int]:
    """Nobody works there any more, so what is seen is what is opened."""
    status = os.stat(name, dir_fd=directory, follow_symlinks=False)
    return status.st_mode, status.st_size


def _put(path: str, data: bytes, share: int) -> None:
    *directories, name = path.split("/")
    with disk.descended(directories, share, create=True) as directory:
        temporary = disk.staging_name()
        disk.write_bytes(temporary, data, directory, durable=False)
        os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)


def _settle_time(share: int) -> None:
    """An icon cache counts while it is no older than the directory that it was just put into."""
    with contextlib.suppress(FileNotFoundError), disk.opened(ICONS, share) as icons:
        time = os.fstat(icons).st_mtime_ns
        os.utime("icon-theme.cache", ns=(time, time), dir_fd=icons)
