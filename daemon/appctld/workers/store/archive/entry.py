# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An entry of a layer's tar as a value, and the rules for the names in it; pure.

Guarantees: a path is a tuple of components, UTF-8, none of them empty, `.` or `..`; () is the root; whiteouts
have one of the two forms that OCI defines. Leaves to others: how entries fit together (layertree.py).
"""

import enum
import functools
from typing import NamedTuple

from appctld.errors import AppctlError, LimitExceeded, UnsafeArchive
from appctld.workers.store.ostree.tree import NAME_BYTES, Xattrs

Path = tuple[str, ...]

PATH_BYTES = 4095  # PATH_MAX without its NUL: the kernel takes no longer one in a call
DEPTH = 200  # directories below each other; libostree walks 256 deep, and merged symlinks may add some

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"

_NO_NAMES = {"", ".", ".."}
_DIRECTORIES = 64  # remembered: archives come directory by directory, and below the same few


class Type(enum.Enum):
    """What an entry is, in words for people."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    HARDLINK = "hard link"
    CHARACTER = "character device"
    BLOCK = "block device"
    FIFO = "FIFO"

    @property
    def dropped(self) -> bool:
        """Real base images carry them (dev/console); no deployment ever does."""
        return self in {Type.CHARACTER, Type.BLOCK, Type.FIFO}


class Entry(NamedTuple):
    """`mode`: permission bits; `size`: bytes of content; `target`: a symlink's; `link`: a hard link's."""

    type: Type
    path: Path
    mode: int = 0
    uid: int = 0
    gid: int = 0
    size: int = 0
    target: str = ""
    link: Path = ()
    xattrs: Xattrs = ()

    @property
    def name(self) -> str:
        """The path for people."""
        return "/".join(self.path) or "."


def parse_path(raw: bytes, what: str = "path") -> Path:
    """Read an archive's name for a file. Raises UnsafeArchive, LimitExceeded."""
    above, _, last = raw.removesuffix(b"/").rpartition(b"/")
    if above and len(raw) <= PATH_BYTES:
        try:
            parents, name = _directory(above), parse_text(last, what)
        except AppctlError:  # which is said again below, of the whole path
            return _parse_path(raw, what)
        if name not in _NO_NAMES and len(last) <= NAME_BYTES and len(parents) < DEPTH:
            return (*parents, name)
    return _parse_path(raw, what)


@functools.lru_cache(_DIRECTORIES)
def _directory(raw: bytes) -> Path:
    return _parse_path(raw, "path")


def _parse_path(raw: bytes, what: str) -> Path:
    text = parse_text(raw, what)
    if text.startswith("/"):
        raise UnsafeArchive(f"an absolute {what}: {text!r}", path=text)
    parts = tuple(part for part in text.split("/") if part not in {"", "."})
    if ".." in parts:
        raise UnsafeArchive(f"a {what} with '..': {text!r}", path=text)
    if len(parts) > DEPTH:
        raise LimitExceeded(f"a {what} of more than {DEPTH} components", path=text[:NAME_BYTES])
    for part in parts:
        if len(part.encode()) > NAME_BYTES:
            raise LimitExceeded(f"a name of more than {NAME_BYTES} bytes", path=text[:NAME_BYTES])
    return parts


def parse_text(raw: bytes, what: str) -> str:
    """Read a name or a symlink's target: not empty, UTF-8, no NUL, bounded."""
    if not raw or b"\0" in raw:
        raise UnsafeArchive(f"a {what} that is empty or holds a NUL")
    if len(raw) > PATH_BYTES:
        raise LimitExceeded(f"a {what} of more than {PATH_BYTES} bytes")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        shown = raw.decode(errors="backslashreplace")
        raise UnsafeArchive(f"a {what} that is not UTF-8: {shown}", path=shown) from error


def check_whiteout(entry: Entry) -> None:
    """Refuse what looks like a whiteout and is none (docs/rules.md, "Layers"), here and on the way here."""
    if any(part.startswith(WHITEOUT) for part in entry.path[:-1]):
        raise UnsafeArchive(f"an entry below a whiteout: {entry.name}", path=entry.name)
    last = entry.path[-1] if entry.path else ""
    if not last.startswith(WHITEOUT):
        return
    hidden = last.removeprefix(WHITEOUT)
    named = hidden not in {"", ".", ".."} and not hidden.startswith(WHITEOUT)
    if not named and last != OPAQUE:
        raise UnsafeArchive(f"a whiteout of nothing that can be: {entry.name}", path=entry.name)
    if entry.type is not Type.FILE or entry.size:
        raise UnsafeArchive(f"a whiteout that is no empty file: {entry.name}", path=entry.name)
