# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Directories as OSTree stores them: dirtree and dirmeta objects, as values and as bytes.

Guarantees: the bytes equal libostree's GVariants; what is parsed was in normal form, with names that are
UTF-8, sorted, unique across files and directories, and none of them empty, `.`, `..` or with a `/` (R12).
Leaves to others: where objects are stored, and what a checksum stands for. No I/O, no GLib.

The types are `(a(say)a(sayay))` for a dirtree (files: name, content; directories: name, dirtree, dirmeta)
and `(uuua(ayay))`, big-endian, for a dirmeta (ostree-core.h: OSTREE_TREE_GVARIANT_FORMAT,
OSTREE_DIRMETA_GVARIANT_FORMAT). GVariant's serialisation: the offsets of a container's variable-sized
members stand at its end, as wide as the container's own size needs (GVariant specification 2.5).
"""

import hashlib
import stat
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from appctld.errors import UnsafeArchive

NAME_BYTES = 255  # NAME_MAX of every file system we check out to; a longer name could not be deployed

Xattrs = Sequence[tuple[bytes, bytes]]

_CHECKSUM_BYTES = 32  # SHA-256
_WIDTHS = (1, 2, 4, 8)
_DIRMETA_HEAD = struct.Struct(">III")  # libostree keeps uid, gid and mode big-endian


@dataclass(frozen=True)
class DirTree:
    """One directory's children: `files` name -> content checksum; `dirs` name -> (dirtree, dirmeta).

    Checksums are 64 lower-case hex digits. Raises `UnsafeArchive` for a name that R12 refuses.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    dirs: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in (*self.files, *self.dirs):
            check_name(name)
        twice = sorted(self.files.keys() & self.dirs.keys())
        if twice:
            raise UnsafeArchive(f"{twice[0]!r} is a file and a directory at once", path=twice[0])


@dataclass(frozen=True)
class DirMeta:
    """A directory's own attributes; `mode` includes S_IFDIR, xattr names carry no trailing NUL."""

    uid: int
    gid: int
    mode: int
    xattrs: tuple[tuple[bytes, bytes], ...] = ()


def checksum(data: bytes) -> str:
    """Name a dirtree, dirmeta or commit object: the SHA-256 of its bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def check_name(name: str) -> None:
    """Refuse (`UnsafeArchive`) what cannot be one component of a path."""
    if name in {"", ".", ".."} or "/" in name or "\0" in name:
        raise UnsafeArchive(f"{name!r} cannot be a name in a directory", path=name)
    if len(_utf8(name)) > NAME_BYTES:
        raise UnsafeArchive(f"a name of more than {NAME_BYTES} bytes: {name[:40]!r}…", path=name)


def serialize_dirtree(tree: DirTree) -> bytes:
    """The bytes of a dirtree object; names in byte order, as libostree sorts them."""
    # UTF-8 keeps the order of code points, so sorting texts is sorting their bytes
    files = _array(_tuple(_string(n), bytes.fromhex(tree.files[n])) for n in sorted(tree.files))
    dirs = _array(_tuple(_string(n), *map(bytes.fromhex, tree.dirs[n])) for n in sorted(tree.dirs))
    return _tuple(files, dirs)


def parse_dirtree(data: bytes) -> DirTree:
    """Read a dirtree object; anything but libostree's own normal form is `UnsafeArchive`."""
    try:
        files, dirs = _members(data, 2)
        tree = DirTree(dict(map(_file_entry, _elements(files))), dict(map(_dir_entry, _elements(dirs))))
    except ValueError as error:
        raise UnsafeArchive("a dirtree that cannot be read") from error
    # Sorted, unique, no slack between members, shortest offsets: all of it is this one comparison
    if serialize_dirtree(tree) != data:
        raise UnsafeArchive("a dirtree that is not in normal form, or whose names are unsorted or double")
    return tree


def serialize_dirmeta(uid: int, gid: int, mode: int, xattrs: Xattrs = ()) -> bytes:
    """The bytes of a dirmeta object; `mode` with or without S_IFDIR, xattrs are sorted by name."""
    return _dirmeta(DirMeta(uid, gid, stat.S_IFDIR | stat.S_IMODE(mode), tuple(sorted(xattrs))))


def parse_dirmeta(data: bytes) -> DirMeta:
    """Read a dirmeta object (`UnsafeArchive`: not in normal form, or not a directory's mode)."""
    meta = parse_attributes(data, "a dirmeta")
    if meta.mode != stat.S_IFDIR | stat.S_IMODE(meta.mode):
        raise UnsafeArchive("a dirmeta that is no directory's")
    return meta


def parse_attributes(data: bytes, what: str) -> DirMeta:
    """Read a `(uuua(ayay))`, whatever type `mode` says: a directory's, or a file's as bare-user keeps it."""
    try:
        uid, gid, mode = _DIRMETA_HEAD.unpack_from(data)
        pairs = tuple(map(_xattr, _elements(data[_DIRMETA_HEAD.size :])))
    except (ValueError, struct.error) as error:
        raise UnsafeArchive(f"{what} that cannot be read") from error
    meta = DirMeta(uid, gid, mode, pairs)
    if _dirmeta(meta) != data:
        raise UnsafeArchive(f"{what} that is not in normal form")
    return meta


def serialize_xattrs(xattrs: Xattrs) -> bytes:
    """The bytes of an `a(ayay)` of name and value, in the order given; files keep theirs in the same form."""
    return _array(_tuple(name + b"\0", value) for name, value in xattrs)


def _dirmeta(meta: DirMeta) -> bytes:
    return _DIRMETA_HEAD.pack(meta.uid, meta.gid, meta.mode) + serialize_xattrs(meta.xattrs)


def _file_entry(data: bytes) -> tuple[str, str]:
    name, content = _members(data, 2)
    return _text(name), _hex(content)


def _dir_entry(data: bytes) -> tuple[str, tuple[str, str]]:
    name, tree, meta = _members(data, 3)
    return _text(name), (_hex(tree), _hex(meta))


def _xattr(data: bytes) -> tuple[bytes, bytes]:
    name, value = _members(data, 2)
    return name.removesuffix(b"\0"), value  # one without its NUL does not come out as it went in


def _hex(data: bytes) -> str:
    if len(data) != _CHECKSUM_BYTES:
        raise ValueError("a checksum of another length")
    return data.hex()


def _text(data: bytes) -> str:
    return data.removesuffix(b"\0").decode("utf-8")


def _string(text: str) -> bytes:
    return _utf8(text) + b"\0"


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UnsafeArchive(f"{text!r} is not UTF-8") from error


def _width(size: int) -> int:
    """Bytes of one offset in a container of `size` bytes."""
    return next(width for width in _WIDTHS if size < 1 << 8 * width)


def _offsets(body: int, ends: Sequence[int]) -> bytes:
    width = next(width for width in _WIDTHS if _width(body + len(ends) * width) <= width)
    return b"".join(end.to_bytes(width, "little") for end in ends)


def _tuple(*members: bytes) -> bytes:
    """A tuple of byte-aligned variable-sized members: every end but the last's, last one first."""
    ends = _ends(members)
    body = b"".join(members)
    return body + _offsets(len(body), ends[-2::-1])


def _array(elements: Iterable[bytes]) -> bytes:
    members = tuple(elements)
    body = b"".join(members)
    return body + _offsets(len(body), _ends(members))


def _ends(members: Sequence[bytes]) -> list[int]:
    ends, position = [], 0
    for member in members:
        position += len(member)
        ends.append(position)
    return ends


def _members(data: bytes, count: int) -> list[bytes]:
    """Take a tuple of `count` variable-sized members apart."""
    width = _width(len(data))
    tail = len(data) - width * (count - 1)
    ends = [int.from_bytes(data[at : at + width], "little") for at in range(tail, len(data), width)]
    return _cut(data, [*reversed(ends), tail])


def _elements(data: bytes) -> list[bytes]:
    """Take an array of variable-sized elements apart."""
    if not data:
        return []
    width = _width(len(data))
    tail = int.from_bytes(data[-width:], "little")
    if tail >= len(data) or (len(data) - tail) % width:
        raise ValueError("an array whose offsets lie outside")
    ends = [int.from_bytes(data[at : at + width], "little") for at in range(tail, len(data), width)]
    return _cut(data, ends)


def _cut(data: bytes, ends: Sequence[int]) -> list[bytes]:
    starts = [0, *ends[:-1]]
    if any(start < 0 or start > end for start, end in zip(starts, ends, strict=True)):
        raise ValueError("members that overlap")
    return [data[start:end] for start, end in zip(starts, ends, strict=True)]
