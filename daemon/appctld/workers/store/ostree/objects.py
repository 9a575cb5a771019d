# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Content objects: the header that is hashed before a file's bytes, and the checksum that names the object.

Guarantees: pure; the xattrs of what we make are sorted by name (libostree before 2024.10 kept the order it
was given, so two machines could disagree); what a publisher made is taken as it was hashed, if no libostree
calls that damage. Leaves to others: what a tar may claim (tar.py), and storing (writer.py).
The layout is that of libostree's ostree_raw_file_to_content_stream().
"""

import functools
import hashlib
import stat
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from appctld.errors import UnsafeArchive
from appctld.workers.store.ostree.tree import Xattrs, parse_attributes, serialize_xattrs

_STAT = struct.Struct(">IIII")  # uid, gid, mode, rdev
_OWNER = struct.Struct(">III")  # uid, gid, mode
_SIZE = struct.Struct(">I4x")  # the header's size, and padding up to GVariant's alignment of eight
_OFFSET_WIDTHS = (1, 2, 4)
_HEADS = 64  # remembered: a tree has thousands of files and a handful of owners and modes; each up to 64 KiB
_PRIVILEGED = (b"security.", b"trusted.")


@dataclass(frozen=True, slots=True)
class FileHead:
    """A regular file's or symlink's attributes; `mode` includes the type, xattr names without their NUL."""

    uid: int
    gid: int
    mode: int
    target: str = ""
    xattrs: Xattrs = ()

    @property
    def disk_mode(self) -> int:
        """The mode of the object on disk."""
        return disk_mode(self.mode)


def disk_mode(mode: int) -> int:
    """The mode of a file's object on disk (R12): all may read it, and run it if anybody was to."""
    return 0o555 if stat.S_ISREG(mode) and mode & 0o111 else 0o444


def regular(uid: int, gid: int, mode: int, xattrs: Xattrs = ()) -> FileHead:
    """The head of a regular file; of `mode` only the permission bits count."""
    return _regular(uid, gid, stat.S_IFREG | stat.S_IMODE(mode), tuple(sorted(xattrs)))


@functools.lru_cache(_HEADS)
def _regular(uid: int, gid: int, mode: int, xattrs: tuple[tuple[bytes, bytes], ...]) -> FileHead:
    return FileHead(uid, gid, mode, "", xattrs)


def symlink(uid: int, gid: int, target: str, xattrs: Xattrs = ()) -> FileHead:
    """The head of a symlink; its permissions are always 0777."""
    return FileHead(uid, gid, stat.S_IFLNK | 0o777, target, tuple(sorted(xattrs)))


@functools.lru_cache(_HEADS)
def parse_head(attributes: bytes) -> FileHead:
    """Read `user.ostreemeta`, all of a file but its content, which is the target if it is a symlink.

    Raises UnsafeArchive: not in normal form, or neither a regular file nor a symlink.
    """
    found = parse_attributes(attributes, "a file's attributes")
    if found.mode not in {kind | stat.S_IMODE(found.mode) for kind in (stat.S_IFREG, stat.S_IFLNK)}:
        raise UnsafeArchive(f"an object of mode {found.mode:o}, which is neither a file nor a symlink")
    return FileHead(found.uid, found.gid, found.mode, "", found.xattrs)


def privilege(mode: int, xattrs: Xattrs) -> str:
    """What a `strict=yes` refuses in attributes, in words for people; empty if there is nothing."""
    if stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID):
        return "a setuid or setgid file"
    named = [name.decode(errors="backslashreplace") for name, _ in xattrs if name.startswith(_PRIVILEGED)]
    return f"a file with {named[0]}" if named else ""


def check_published(where: str, mode: int, xattrs: Xattrs, *, strict: bool) -> None:
    """Refuse (`UnsafeArchive`) attributes of a publisher's file or directory; `mode` includes the type.

    A file's xattrs must be in order: libostree from 2024.10 hashes them so, however they are kept, and its
    fsck calls another order damage; a directory's it takes in any order, and none without a name (ADR 30).
    One name twice is what no file system has.
    """
    names = [name for name, _ in xattrs]
    if any(not name or b"\0" in name for name in names) or len(set(names)) < len(names):
        raise UnsafeArchive(f"an xattr without a name, or two of one name: {where}", path=where)
    if not stat.S_ISDIR(mode) and names != sorted(names):
        raise UnsafeArchive(f"a file whose xattrs are not in order: {where}", path=where)
    what = privilege(mode, xattrs) if strict else ""
    if what:
        raise UnsafeArchive(f"{what}, which this remote's strict=yes refuses: {where}", path=where)


def header(head: FileHead) -> bytes:
    """What is hashed before the content: size, padding, `(uuuusa(ayay))`."""
    target = head.target.encode() + b"\0"
    body = _STAT.pack(head.uid, head.gid, head.mode, 0) + target + serialize_xattrs(head.xattrs)
    end = _STAT.size + len(target)  # the one member of variable size that is not the last
    width = next(width for width in _OFFSET_WIDTHS if len(body) + width < 1 << 8 * width)
    variant = body + end.to_bytes(width, "little")
    return _SIZE.pack(len(variant)) + variant


class Stored:
    """How bare-user keeps a file: all but its content, ready to be written.

    `hash` has seen the header and waits for the content (take a copy); `attributes` is `user.ostreemeta`, a
    big-endian `(uuua(ayay))` of uid, gid, mode and xattrs; `mode` is the object's own; `target` is what is
    written instead of content if it is a symlink, with the NUL that libostree keeps too, else empty.
    """

    __slots__ = ("attributes", "hash", "mode", "target")

    def __init__(self, head: FileHead) -> None:
        self.hash = hashlib.sha256(header(head))
        self.attributes = _OWNER.pack(head.uid, head.gid, head.mode) + serialize_xattrs(head.xattrs)
        self.mode = head.disk_mode
        self.target = head.target.encode() + b"\0" if head.target else b""


@functools.lru_cache(_HEADS)
def stored(head: FileHead) -> Stored:
    """How a file with this head is kept."""
    return Stored(head)


def checksum(head: FileHead, content: Iterable[bytes] = ()) -> str:
    """The name of the object, in hex; a symlink has no content."""
    digest = hashlib.sha256(header(head))
    for piece in content:
        digest.update(piece)
    return digest.hexdigest()
