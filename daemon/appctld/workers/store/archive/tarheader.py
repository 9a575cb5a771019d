# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""One tar header block, and the records of a pax header, as values; pure, and strict.

Guarantees: where readers of the world disagree about what a block says, it is `UnsafeArchive`. Leaves to
others: what follows a header, and how headers act on each other (tar.py). Source: POSIX.1-2017 pax, "ustar
Interchange Format" and "pax Header Block"; GNU tar's tar.h for `ustar `.
"""

import functools
import re
import struct
import zlib
from collections.abc import Mapping
from typing import NamedTuple

from appctld.errors import UnsafeArchive

BLOCK = 512
OCTAL_MAX = 0o77777777777  # 8 GiB - 1, the largest size that eleven octal digits say

_POSIX, _GNU = b"ustar\x0000", b"ustar  \x00"
_FIELDS = struct.Struct("100s 24s 12s 12x 8s c 100s 8s 80x 155s 8x 4s")  # up to 512 bytes
_OCTAL = re.compile(rb" *([0-7]*)[ \0]*")
_RECORD = re.compile(rb"([1-9][0-9]{0,9}) ([^=\0\n]+)=")
_DECIMAL = re.compile(rb"[0-9]{1,19}")
_HALF = BLOCK // 2
_ADLER = 0xFFFF  # the half of an Adler-32 that is one plus the sum of all bytes, modulo 65,521
_BLANK = 8 * ord(" ")  # what the checksum counts in its own place

_REMEMBERED = 1024  # fields: a layer has a handful of owners and modes, and most of its files are small


class Header(NamedTuple):
    """One block's fields; `name` has the ustar prefix in front. Times and device numbers matter to nobody."""

    kind: bytes
    name: bytes
    link: bytes
    mode: int
    uid: int
    gid: int
    size: int


def parse_header(block: bytes) -> Header:
    """Read one block of 512 bytes that is not all zero."""
    name, attributes, size, checksum, kind, link, magic, prefix, tail = _FIELDS.unpack(block)
    _check_sum(block, checksum)
    name = _text(name)
    if magic == _POSIX:
        _check_star(tail)
        if prefix[0]:
            name = _text(prefix) + b"/" + name
    elif magic == _GNU:
        _check_gnu_times(prefix)
    else:
        raise UnsafeArchive("a header that is neither ustar nor GNU (old-style tar?)", path=_shown(name))
    target = _text(link) if link[0] else b""
    return Header(kind, name, target, *_attributes(attributes), _remembered(size, "size"))


def parse_pax(body: bytes) -> dict[str, bytes]:
    """Read the records of a pax header: length, space, key, `=`, value, newline; each key once."""
    records: dict[str, bytes] = {}
    position = 0
    while position < len(body):
        match = _RECORD.match(body, position)
        end = position + int(match[1]) if match else 0
        if match is None or not match.end() < end <= len(body) or body[end - 1 : end] != b"\n":
            raise UnsafeArchive("a pax record whose length is wrong")
        key = _utf8(match[2], "a pax key")
        if key in records:
            raise UnsafeArchive(f"pax key {key[:80]!r} stands there twice")
        records[key] = body[match.end() : end - 1]
        position = end
    return records


def pax_number(records: Mapping[str, bytes], key: str) -> int | None:
    """A decimal number, None where the key is not there."""
    if key not in records:
        return None
    if not _DECIMAL.fullmatch(records[key]):
        raise UnsafeArchive(f"pax {key} is no number, or a negative one")
    return int(records[key])


def _check_sum(block: bytes, said: bytes) -> None:
    found = _sum(block) - sum(said) + _BLANK
    if said != b"%06o\0 " % found and _number(said, "checksum") != found:
        raise UnsafeArchive("a header whose checksum is wrong")


def _sum(block: bytes) -> int:
    """All bytes added up; a half has at most 65,280, which Adler-32 tells apart, and faster than a loop."""
    return (zlib.adler32(block[:_HALF]) & _ADLER) + (zlib.adler32(block[_HALF:]) & _ADLER) - 2


def _check_star(tail: bytes) -> None:
    """Star's prefix is shorter, so readers that do not know it take times for a part of the name."""
    if tail == b"tar\0":
        raise UnsafeArchive("a header in star's format")


def _check_gnu_times(prefix: bytes) -> None:
    """GNU keeps times where ustar keeps the prefix; some readers take what is no time for a prefix."""
    try:
        _remembered(prefix[:12], "atime", signed=True)
        _remembered(prefix[12:24], "ctime", signed=True)
    except UnsafeArchive:
        raise UnsafeArchive("a GNU header with a ustar prefix") from None


def _number(field: bytes, what: str, *, signed: bool = False) -> int:
    """An octal or base-256 field; empty is 0. A negative one is refused but where nobody looks at it."""
    if field[0] & 0x80:
        if field[0] & 0x40 and not signed:
            raise UnsafeArchive(f"a negative {what}")
        return int.from_bytes(field) & (1 << (8 * len(field) - 1)) - 1
    match = _OCTAL.fullmatch(field)
    if match is None:
        raise UnsafeArchive(f"a {what} that is no number, or a negative one")
    return int(match[1] or b"0", 8)


_remembered = functools.lru_cache(_REMEMBERED)(_number)


@functools.lru_cache(_REMEMBERED)
def _attributes(field: bytes) -> tuple[int, int, int]:
    """Mode, owner and group, which stand side by side, and often the same ones."""
    return _number(field[:8], "mode"), _number(field[8:16], "uid"), _number(field[16:], "gid")


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _utf8(data: bytes, what: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise UnsafeArchive(f"{what} that is not UTF-8") from error


def _shown(name: bytes) -> str:
    return name.decode(errors="replace")
