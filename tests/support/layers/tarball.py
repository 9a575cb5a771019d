# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Tar archives byte by byte, so that a test can write what no tool would.

`entry` makes a header and its content, `pax` and `gnu_long` what may stand before one, `archive` joins them
and adds the end. Numbers may be given as raw fields.
"""

from typing import TypedDict, Unpack

BLOCK = 512
POSIX, GNU = b"ustar\x0000", b"ustar  \x00"


class Fields(TypedDict, total=False):
    """What `header` takes beside name and type."""

    size: int | bytes
    mode: int | bytes
    uid: int | bytes
    gid: int | bytes
    link: bytes
    magic: bytes
    prefix: bytes
    tail: bytes


def octal(number: int, width: int) -> bytes:
    return f"{number:0{width - 1}o}".encode() + b"\0"


def base256(number: int, width: int) -> bytes:
    """GNU's field for large and for negative numbers."""
    if number < 0:
        return number.to_bytes(width, "big", signed=True)
    return bytes([0x80]) + number.to_bytes(width - 1, "big")


def header(
    name: bytes,
    kind: bytes = b"0",
    *,
    size: int | bytes = 0,
    mode: int | bytes = 0o644,
    uid: int | bytes = 0,
    gid: int | bytes = 0,
    link: bytes = b"",
    magic: bytes = POSIX,
    prefix: bytes = b"",
    tail: bytes = b"",
) -> bytes:
    """One block; `tail` stands at its very end."""
    if len(name) > 100 or len(link) > 100:
        raise ValueError("a name that does not fit: say it in a pax or GNU header")

    def number(value: int | bytes, width: int) -> bytes:
        return value if isinstance(value, bytes) else octal(value, width)

    start = name.ljust(100, b"\0") + number(mode, 8) + number(uid, 8) + number(gid, 8)
    start += number(size, 12) + octal(0, 12)
    end = kind + link.ljust(100, b"\0") + magic.ljust(8, b"\0") + bytes(80) + prefix
    end = end.ljust(BLOCK - 156 - len(tail), b"\0") + tail
    total = sum(start) + sum(end) + 8 * ord(" ")
    return start + f"{total:06o}\0 ".encode() + end


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % BLOCK)


def entry(name: str | bytes, kind: bytes = b"0", content: bytes = b"", **fields: Unpack[Fields]) -> bytes:
    """A header whose size is the content's (unless given), and the content."""
    raw = name.encode() if isinstance(name, str) else name
    fields.setdefault("size", len(content))
    return header(raw, kind, **fields) + padded(content)


def directory(name: str, **fields: Unpack[Fields]) -> bytes:
    fields.setdefault("mode", 0o755)
    return entry(name, b"5", **fields)


def symlink(name: str, target: str | bytes, **fields: Unpack[Fields]) -> bytes:
    fields["link"] = target.encode() if isinstance(target, str) else target
    fields["mode"] = 0o777
    return entry(name, b"2", **fields)


def hardlink(name: str, target: str, **fields: Unpack[Fields]) -> bytes:
    fields["link"] = target.encode()
    return entry(name, b"1", **fields)


def record(key: bytes, value: bytes) -> bytes:
    """One pax record, its length included in its length."""
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest)
    while length != len(rest) + len(str(length)):
        length = len(rest) + len(str(length))
    return str(length).encode() + rest


def pax(kind: bytes = b"x", **records: bytes | str) -> bytes:
    """A pax header; in the names of keys two underscores stand for a dot."""
    pairs = {key.replace("__", ".").encode(): value for key, value in records.items()}
    return pax_raw(
        b"".join(record(k, v.encode() if isinstance(v, str) else v) for k, v in pairs.items()), kind
    )


def pax_raw(body: bytes, kind: bytes = b"x") -> bytes:
    return entry("pax", kind, body)


def gnu_long(kind: bytes, text: bytes) -> bytes:
    """A GNU long name (L) or link (K)."""
    return entry("././@LongLink", kind, text + b"\0", magic=GNU)


def archive(*parts: bytes) -> bytes:
    return b"".join(parts) + bytes(2 * BLOCK)
