# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What an entry of such a layer's tar is, told by its path and type; pure.

Guarantees: below `sysroot/ostree/repo/` every entry is one of those that the format has, and of the type that
it has there; an object's name is 64 hex digits and nothing else of it is believed. What lies elsewhere is a
view of the objects for container engines: it holds no content, and nothing of it is kept. Leaves to others:
what may follow what (order.py). The format is that of ostree-ext, version 1, and the one before it.
"""

import enum
import re
from typing import NamedTuple

from appctld.errors import UnsafeArchive
from appctld.workers.store.archive.entry import Entry, Path, Type

REPOSITORY = ("sysroot", "ostree", "repo")

CONFIG = b"[core]\nrepo_version=1\nmode=bare-split-xattrs\n"

_OLD_CONFIG = ("sysroot", "config")  # where some writers of version 0 put it
_DIRECTORIES = frozenset(
    {
        (),
        ("objects",),
        ("extensions",),
        ("refs",),
        ("refs", "heads"),
        ("refs", "mirrors"),
        ("refs", "remotes"),
        ("state",),
        ("tmp",),
        ("tmp", "cache"),
        ("xattrs",),  # version 0
    }
)
_SHARD = re.compile(r"[0-9a-f]{2}")
_OBJECT = re.compile(r"([0-9a-f]{62})\.([a-z.-]+)")
_CHECKSUM = re.compile(r"[0-9a-f]{64}")


class Part(enum.Enum):
    """What an entry is for, in words for people."""

    DIRECTORY = "directory"
    CONFIG = "configuration"
    COMMIT = "commit"
    DETACHED = "detached metadata"
    DIRTREE = "dirtree"
    DIRMETA = "dirmeta"
    FILE = "file"
    XATTRS = "xattrs"
    XATTRS_LINK = "file's xattrs"
    VIEW = "view"

    @property
    def metadata(self) -> bool:
        """Whether it is one of a commit's directories."""
        return self in {Part.DIRTREE, Part.DIRMETA}


class Place(NamedTuple):
    """`name` is an object's checksum, as it claims; `old` says that only version 0 has such an entry."""

    part: Part
    name: str = ""
    old: bool = False


_SUFFIXES = {
    "commit": (Part.COMMIT, False),
    "commitmeta": (Part.DETACHED, False),
    "dirtree": (Part.DIRTREE, False),
    "dirmeta": (Part.DIRMETA, False),
    "file": (Part.FILE, False),
    "file-xattrs": (Part.XATTRS, False),
    "file-xattrs-link": (Part.XATTRS_LINK, False),
    "file.xattrs": (Part.XATTRS_LINK, True),
}
_TYPES = {
    Part.DIRECTORY: {Type.DIRECTORY},
    Part.FILE: {Type.FILE, Type.SYMLINK},
    Part.XATTRS_LINK: {Type.FILE, Type.HARDLINK},
}


def place(entry: Entry) -> Place:
    """What an entry is. Raises UnsafeArchive for what the format does not have."""
    if entry.path[: len(REPOSITORY)] != REPOSITORY:
        _check_view(entry)
        return Place(Part.VIEW)
    found = _inside(entry.path)
    if found is None or entry.type not in _TYPES.get(found.part, {Type.FILE}):
        raise _foreign(entry)
    if found.old and found.part is Part.XATTRS_LINK and entry.type is Type.FILE:
        raise _foreign(entry)
    return found


def linked(entry: Entry, part: Part) -> str:
    """The name of the object that a hard link leads to. Raises UnsafeArchive where it is no such `part`."""
    found = _inside(entry.link) if entry.link[: len(REPOSITORY)] == REPOSITORY else None
    if found is None or found.part is not part:
        target = "/".join(entry.link) or "."
        raise UnsafeArchive(f"a link to {target} where one to a {part.value} belongs", path=entry.name)
    return found.name


def _inside(path: Path) -> Place | None:
    below = path[len(REPOSITORY) :]
    match below:
        case ("config",):
            return Place(Part.CONFIG)
        case ("objects", shard) if _SHARD.fullmatch(shard):
            return Place(Part.DIRECTORY)
        case ("objects", shard, last) if _SHARD.fullmatch(shard) and (named := _OBJECT.fullmatch(last)):
            part, old = _SUFFIXES.get(named[2], (None, False))
            return Place(part, shard + named[1], old) if part else None
        case ("xattrs", last) if _CHECKSUM.fullmatch(last):
            return Place(Part.XATTRS, last, old=True)
        case _:
            return Place(Part.DIRECTORY) if below in _DIRECTORIES else None


def _check_view(entry: Entry) -> None:
    """An engine sees directories, hard links to objects, and empty files, which are written out."""
    if entry.type in {Type.DIRECTORY, Type.HARDLINK}:
        return
    if entry.type is not Type.FILE or (entry.size and entry.path != _OLD_CONFIG):
        raise UnsafeArchive(f"a {entry.type.value} that is no object: {entry.name}", path=entry.name)


def _foreign(entry: Entry) -> UnsafeArchive:
    return UnsafeArchive(f"no {entry.type.value} of an OSTree commit: {entry.name}", path=entry.name)
