# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A tar archive's bytes: GNU headers with long names, pax headers for xattrs; pure.

Guarantees: a function of what it is given: no time, no user's name, no order of its own. Sources: GNU tar's
tar.h; POSIX.1-2017 pax; `SCHILY.xattr.` is what star, GNU tar, libarchive and container engines call xattrs.
"""

import functools
import zlib

from appctld.errors import UnsafeArchive
from appctld.workers.store.archive.tarheader import BLOCK
from appctld.workers.store.ostree.tree import Xattrs

END = bytes(2 * BLOCK)
FILE, HARD_LINK, SYMLINK, DIRECTORY = b"0", b"1", b"2", b"5"

_LONG_NAME, _LONG_LINK, _PAX = b"L", b"K", b"x"
_FIELD = 100  # bytes of a name or link
_NO_TIME = b"%011o\0" % 0
_BEHIND = b"ustar  \0".ljust(255, b"\0")  # magic, no names of owners, no device, no time
_BLANK_SUM = 8 * ord(" ")  # what the checksum counts in its own place
_HALF, _ADLER = BLOCK // 2, 0xFFFF  # a half's bytes add up to less than 65,521, so Adler-32 has their sum
_REMEMBERED = 1024  # a tree has a handful of owners and modes, and its objects' names are of a few lengths
_NOT_IN_PAX = b"security.selinux"  # a label is that of the machine on which an engine unpacks


def header(
    name: str, kind: bytes, *, mode: int, uid: int = 0, gid: int = 0, size: int = 0, link: str = ""
) -> bytes:
    """The blocks before a content."""
    raw, target = name.encode(), link.encode()
    before = _long(_LONG_NAME, raw) + _long(_LONG_LINK, target)
    return before + _block(
        raw[:_FIELD], kind, _attributes(mode, uid, gid) + _number(size, 12), target[:_FIELD]
    )


def pax_xattrs(xattrs: Xattrs) -> bytes:
    """A pax header with the xattrs of the next entry, nothing if there are none. Raises UnsafeArchive."""
    records = b"".join(_record(name, value) for name, value in sorted(xattrs) if name != _NOT_IN_PAX)
    return _extended(b"././@PaxHeader", _PAX, records) if records else b""


def padding(size: int) -> bytes:
    """What stands behind a content of that size."""
    return bytes(-size % BLOCK)


def _long(kind: bytes, text: bytes) -> bytes:
    return b"" if len(text) <= _FIELD else _extended(b"././@LongLink", kind, text + b"\0")


def _extended(name: bytes, kind: bytes, content: bytes) -> bytes:
    return _extended_header(name, kind, len(content)) + content + padding(len(content))


@functools.lru_cache(_REMEMBERED)
def _extended_header(name: bytes, kind: bytes, size: int) -> bytes:
    return _block(name, kind, _attributes(0o644, 0, 0) + _number(size, 12), b"")


def _block(name: bytes, kind: bytes, numbers: bytes, link: bytes) -> bytes:
    start = name.ljust(_FIELD, b"\0") + numbers + _NO_TIME
    end = kind + link.ljust(_FIELD, b"\0") + _BEHIND
    total = _sum(start + end[: _HALF - len(start)]) + _sum(end[_HALF - len(start) :]) + _BLANK_SUM
    return b"%b%07o\0%b" % (start, total, end)


def _sum(data: bytes) -> int:
    return (zlib.adler32(data) & _ADLER) - 1


@functools.lru_cache(_REMEMBERED)
def _attributes(mode: int, uid: int, gid: int) -> bytes:
    return _number(mode, 8) + _number(uid, 8) + _number(gid, 8)


def _number(value: int, width: int) -> bytes:
    """Octal digits and a NUL, or GNU's base-256 where they do not suffice."""
    digits = b"%0*o" % (width - 1, value)
    return digits + b"\0" if len(digits) < width else bytes([0x80]) + value.to_bytes(width - 1, "big")


def _record(name: bytes, value: bytes) -> bytes:
    """A pax record: its length counts its own digits too."""
    if b"=" in name:
        raise UnsafeArchive(
            f"an xattr that no tar can hold: {name.decode(errors='backslashreplace')}",
            hint="publish without xattrs",
        )
    rest = b" SCHILY.xattr." + name + b"=" + value + b"\n"
    length = len(rest)
    while length != len(rest) + len(b"%d" % length):
        length = len(rest) + len(b"%d" % length)
    return b"%d%b" % (length, rest)
