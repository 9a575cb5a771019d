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
import itertools
import stat
import struct
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from appctld.errors import UnsafeArchive

NAME_BYTES = 255  # NAME_MAX of every file system we check out to; a longer name could not be deployed

Xattrs = Sequence[tuple[bytes, bytes]]

_SUM, _HEX = 32, 64  # of SHA-256, in bytes and in digits
_WIDTHS = {1: "B", 2: "H", 4: "I", 8: "Q"}  # of an offset in bytes, and what struct calls such a number
_WIDE, _WIDER, _WIDEST = 1 << 8, 1 << 16, 1 << 32  # bytes of a container from which 1, 2, 4 are too narrow
_SHORT = _WIDE - 2 * _SUM - 4  # bytes of a name whose entry, as a file or directory, is smaller than that
_INNER_ENDS = {
    1: [bytes([end]) for end in range(_SHORT + 1)],
    2: [bytes([end + _SUM, end]) for end in range(_SHORT + 1)],
}  # what follows the checksums of a short entry, by where its name ends
_NO_NAMES = frozenset({"", ".", ".."})
_DIRMETA_HEAD = struct.Struct(">III")  # libostree keeps uid, gid and mode big-endian


@dataclass(frozen=True)
class DirTree:
    """One directory's children: `files` name -> content checksum; `dirs` name -> (dirtree, dirmeta).

    Checksums are 64 lower-case hex digits. Raises `UnsafeArchive` for a name that R12 refuses.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    dirs: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = (*self.files, *self.dirs)
        if not _are_plain(names):
            for name in names:
                check_name(name)
        if not self.files.keys().isdisjoint(self.dirs):
            twice = min(self.files.keys() & self.dirs.keys())
            raise UnsafeArchive(f"{twice!r} is a file and a directory at once", path=twice)


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
    if name in _NO_NAMES or "/" in name or "\0" in name:
        raise UnsafeArchive(f"{name!r} cannot be a name in a directory", path=name)
    if len(_utf8(name)) > NAME_BYTES:
        raise UnsafeArchive(f"a name of more than {NAME_BYTES} bytes: {name[:40]!r}…", path=name)


def _are_plain(names: Collection[str]) -> bool:
    """Whether no name needs a look of its own: a merge makes and reads tens of thousands."""
    text = "".join(names)
    return (
        text.isascii()
        and "/" not in text
        and "\0" not in text
        and _NO_NAMES.isdisjoint(names)
        and max(map(len, names), default=0) <= NAME_BYTES
    )


def serialize_dirtree(tree: DirTree) -> bytes:
    """The bytes of a dirtree object; names in byte order, as libostree sorts them."""
    # UTF-8 keeps the order of code points, so sorting texts is sorting their bytes
    files, dirs = tree.files, tree.dirs
    return _tuple(
        _array([_file_entry(name, bytes.fromhex(files[name])) for name in sorted(files)]),
        _array([_dir_entry(name, *map(bytes.fromhex, dirs[name])) for name in sorted(dirs)]),
    )


def parse_dirtree(data: bytes) -> DirTree:
    """Read a dirtree object; anything but libostree's own normal form is `UnsafeArchive`."""
    try:
        return _read_plain(data) or _read_any(data)
    except ValueError as error:
        raise UnsafeArchive("a dirtree that cannot be read") from error


def _read_plain(data: bytes) -> DirTree | None:
    """A dirtree that is surely in normal form, as nearly all are; None if that is to be looked at closely."""
    tail = len(data) - _width(len(data))
    end = int.from_bytes(data[tail:], "little")
    if end > tail or _width(len(data)) != _width_behind(tail, 1):
        return None
    files, dirs = _plain_children(data[:end], 1), _plain_children(data[end:tail], 2)
    if files is None or dirs is None:
        return None
    names = b"\0".join((*files, *dirs)).decode().split("\0")  # all at once: none of them has a NUL
    pairs = zip(names[len(files) :], dirs.values(), strict=False)  # of no names at all one is left, empty
    below = {name: (sums[:_HEX], sums[_HEX:]) for name, sums in pairs}
    return DirTree(dict(zip(names, files.values(), strict=False)), below)


def _read_any(data: bytes) -> DirTree:
    files, dirs = _members(data, 2)
    below = {name: (sums[:_HEX], sums[_HEX:]) for name, sums in _children(dirs, 2)}
    tree = DirTree(dict(_children(files, 1)), below)
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
    return _array([_tuple(name + b"\0", value) for name, value in xattrs])


def parse_xattrs(data: bytes, what: str) -> Xattrs:
    """Read an `a(ayay)` of name and value, whose order stays (`UnsafeArchive`: not in normal form)."""
    try:
        pairs = tuple(map(_xattr, _elements(data)))
    except ValueError as error:
        raise UnsafeArchive(f"{what} that cannot be read") from error
    if serialize_xattrs(pairs) != data:
        raise UnsafeArchive(f"{what} that are not in normal form")
    return pairs


def _dirmeta(meta: DirMeta) -> bytes:
    return _DIRMETA_HEAD.pack(meta.uid, meta.gid, meta.mode) + serialize_xattrs(meta.xattrs)


def _file_entry(name: str, content: bytes) -> bytes:
    text = _utf8(name)
    if len(text) < _SHORT:
        return b"%b\0%b%c" % (text, content, len(text) + 1)  # what `_tuple` makes, four times as fast
    return _tuple(text + b"\0", content)


def _dir_entry(name: str, tree: bytes, meta: bytes) -> bytes:
    text = _utf8(name)
    if len(text) < _SHORT:
        end = len(text) + 1
        return b"%b\0%b%b%c%c" % (text, tree, meta, end + _SUM, end)
    return _tuple(text + b"\0", tree, meta)


def _plain_children(data: bytes, count: int) -> dict[bytes, str] | None:
    """What `_children` gives of an array that `_array` would write so again; None if it might not.

    A look at each entry says what writing all of them again says, in a third of the time.
    """
    width = _width(len(data))
    tail = int.from_bytes(data[-width:], "little")
    inner = _INNER_ENDS[count]
    found, ends, start = dict[bytes, str](), list[int](), 0
    while start < tail:
        sums = data.index(0, start) + 1  # ValueError: no entry is without one
        end = sums + count * _SUM
        if sums - start > _SHORT or data[end : end + count] != inner[sums - start]:
            return None
        found[data[start : sums - 1]] = data[sums:end].hex()
        start = end + count
        ends.append(start)
    if data[start:] != _packed(ends, _width_behind(start, len(ends))):  # slack between members shows here
        return None
    return found if list(found) == sorted(found) and len(found) == len(ends) else None


def _children(data: bytes, count: int) -> Iterator[tuple[str, str]]:
    """The names of an array's children, each with its `count` checksums in one piece.

    Where they lie follows from their sizes alone; what else stands there, `parse_dirtree` compares.
    """
    for entry in _elements(data):
        end = len(entry) - count * (_SUM + (1 if len(entry) < _WIDE else 2))
        if end < 1:  # of what is shorter the checksums are no checksums
            raise ValueError("an entry that is too short")
        yield entry[: end - 1].decode(), entry[end : end + count * _SUM].hex()


def _xattr(data: bytes) -> tuple[bytes, bytes]:
    name, value = _members(data, 2)
    return name.removesuffix(b"\0"), value  # one without its NUL does not come out as it went in


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UnsafeArchive(f"{text!r} is not UTF-8") from error


def _width(size: int) -> int:
    """Bytes of one offset in a container of `size` bytes."""
    return 1 if size < _WIDE else 2 if size < _WIDER else 4 if size < _WIDEST else 8


def _width_behind(body: int, count: int) -> int:
    """Bytes of each of `count` offsets behind `body` bytes."""
    if body + count < _WIDE:
        return 1
    if body + 2 * count < _WIDER:
        return 2
    return 4 if body + 4 * count < _WIDEST else 8


def _packed(numbers: Sequence[int], width: int) -> bytes:
    if width == 1:
        return bytes(numbers)
    return struct.pack(f"<{len(numbers)}{_WIDTHS[width]}", *numbers)


def _unpacked(data: bytes, width: int) -> Sequence[int]:
    if width == 1:
        return data
    return struct.unpack(f"<{len(data) // width}{_WIDTHS[width]}", data)


def _container(members: Sequence[bytes], ends: Sequence[int]) -> bytes:
    body = b"".join(members)
    return body + _packed(ends, _width_behind(len(body), len(ends)))


def _tuple(*members: bytes) -> bytes:
    """A tuple of byte-aligned variable-sized members: every end but the last's, last one first."""
    return _container(members, _ends(members)[-2::-1])


def _array(elements: Sequence[bytes]) -> bytes:
    return _container(elements, _ends(elements))


def _ends(members: Sequence[bytes]) -> list[int]:
    return list(itertools.accumulate(map(len, members)))


def _members(data: bytes, count: int) -> list[bytes]:
    """Take a tuple of `count` variable-sized members apart."""
    width = _width(len(data))
    tail = len(data) - width * (count - 1)
    return _cut(data, [*reversed(_unpacked(data[tail:], width)), tail])


def _elements(data: bytes) -> list[bytes]:
    """Take an array of variable-sized elements apart."""
    if not data:
        return []
    width = _width(len(data))
    tail = int.from_bytes(data[-width:], "little")
    if tail >= len(data) or (len(data) - tail) % width:
        raise ValueError("an array whose offsets lie outside")
    return _cut(data, _unpacked(data[tail:], width))


def _cut(data: bytes, ends: Sequence[int]) -> list[bytes]:
    if list(ends) != sorted(ends):
        raise ValueError("members that overlap")
    return [data[start:end] for start, end in zip((0, *ends[:-1]), ends, strict=True)]
