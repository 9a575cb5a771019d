# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A layer's tar, read strictly and streaming: every entry once, in order, or one error.

Guarantees: ustar, pax and GNU long names and links are read; whatever else a header may be is refused by its
name; what tools read differently (sizes said twice, headers about headers, negative numbers) is
`UnsafeArchive`; entries, paths, depth and xattrs are bounded. After the end of the archive the rest of the
stream is read too, so that its digest covers every byte. Leaves to others: bytes of headers (tarheader.py),
names (entry.py), how entries fit together (layertree.py). Never the tarfile module: its readings differ from
version to version.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from appctld.errors import LimitExceeded, UnsafeArchive
from appctld.workers.store.archive.entry import (
    PATH_BYTES,
    WHITEOUT,
    Entry,
    Type,
    check_whiteout,
    parse_path,
    parse_text,
)
from appctld.workers.store.archive.tarheader import (
    BLOCK,
    OCTAL_MAX,
    Header,
    parse_header,
    parse_pax,
    pax_number,
)
from appctld.workers.store.ostree.tree import NAME_BYTES, Xattrs

ENTRIES = (
    500_000  # headers in one layer: a full TeX Live has 200,000, and each costs up to 200 bytes of memory
)
PAX_BYTES = 256 << 10  # one pax header: two paths and the xattrs, with room for keys that we do not read
XATTRS = 64  # of one entry; real ones have three
XATTR_BYTES = 60 << 10  # of one entry, names and values: user.ostreemeta holds them in one value of 64 KiB
LAYER_XATTR_BYTES = 256 << 20  # of all entries: a label and a signature for each of 500,000; none in memory
MODE_MAX = 0o177777  # sixteen bits: type and permissions
OWNER_MAX = 2**32 - 2  # uid_t and gid_t; the last number means "nobody changes" to chown

_CHUNK = 1 << 20
_ABOUT = frozenset((b"x", b"g", b"L", b"K"))  # headers about the entry after them, or about all
_WHITEOUT = WHITEOUT.encode()
_XATTR_KEY = "SCHILY.xattr."
# Keys by which an entry's content would be something else than the bytes that follow
_REFUSED_KEYS = ("GNU.", "SCHILY.realsize", "SCHILY.offset", "SCHILY.filetype", "SCHILY.dir", "SCHILY.volhdr")
_CHARSET = b"ISO-IR 10646 2000 UTF-8"

_TYPES = {
    b"0": Type.FILE,
    b"\0": Type.FILE,  # POSIX lets a reader meet it in a ustar header
    b"1": Type.HARDLINK,
    b"2": Type.SYMLINK,
    b"3": Type.CHARACTER,
    b"4": Type.BLOCK,
    b"5": Type.DIRECTORY,
    b"6": Type.FIFO,
}
_OTHERS = {
    b"7": "a contiguous file",
    b"S": "a GNU sparse file",
    b"D": "a GNU dump directory",
    b"M": "a continued volume",
    b"N": "an old GNU long name",
    b"V": "a volume header",
    b"A": "a Solaris ACL",
    b"E": "a Solaris attribute",
    b"I": "an inode without content",
    b"X": "a Sun pax header",
}


class Source(Protocol):
    """Where the tar comes from: stream.Stream."""

    def read(self, size: int) -> bytes:
        """Give the next bytes, fewer only at the end."""

    def some(self, size: int) -> memoryview:
        """Give at most `size` of the next bytes, none only at the end."""

    def rest(self) -> Iterator[memoryview]:
        """Give what still comes, in pieces."""

    @property
    def left(self) -> int:
        """How many bytes may still come."""


@dataclass(slots=True)
class _Pending:
    """What headers said about the entry that follows them."""

    pax: dict[str, bytes] | None = None
    long: dict[bytes, bytes] = field(default_factory=dict)  # b"L" the name, b"K" the link

    def __bool__(self) -> bool:
        return self.pax is not None or bool(self.long)


class TarReader:
    """One pass over one archive: `entries`, and the `content` of the entry that came last."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._left = 0  # content bytes of the current entry that nobody read yet
        self._padding = 0
        self._headers = 0
        self._xattr_bytes = 0

    def entries(self) -> Iterator[Entry]:
        """Every entry. Raises UnsafeArchive and LimitExceeded, with the path where there is one."""
        pending = None
        while (header := self._next()) is not None:
            if header.kind in _ABOUT:
                pending = pending or _Pending()
                self._extend(pending, header)
                continue
            entry = _entry(header, pending)
            pending = None
            if entry.xattrs:
                self._count_xattrs(entry)
            if entry.size:
                self._expect(entry)
            yield entry
        if pending:
            raise UnsafeArchive("an archive that ends after a header about an entry")
        for _ in self._source.rest():
            pass

    def _expect(self, entry: Entry) -> None:
        if entry.size > self._source.left:
            raise LimitExceeded(f"{entry.name} alone has more bytes than the layer may", path=entry.name)
        self._left, self._padding = entry.size, -entry.size % BLOCK

    def content(self) -> Iterator[memoryview]:
        """The current entry's bytes, as many as its size says, in pieces as they came."""
        while self._left:
            piece = self._source.some(self._left)
            if not piece:
                raise _ends_within_an_entry()
            self._left -= len(piece)
            yield piece

    def _next(self) -> Header | None:
        """The next header; None at the end: two zero blocks, or the stream's end between entries."""
        if self._left:
            for _ in self.content():
                pass  # an entry whose content nobody wanted
        data = self._source.read(self._padding + BLOCK)
        if len(data) < self._padding:
            raise _ends_within_an_entry()
        block = data[self._padding :]
        self._padding = 0
        if not block:
            return None
        if not any(block):
            if any(self._source.read(BLOCK)):
                raise UnsafeArchive("a zero block amid the archive")
            return None
        if len(block) < BLOCK:
            raise UnsafeArchive("an archive that ends within a header")
        self._headers += 1
        if self._headers > ENTRIES:
            raise LimitExceeded(f"more than {ENTRIES} entries", limit=ENTRIES)
        return parse_header(block)

    def _extend(self, pending: _Pending, header: Header) -> None:
        """Take in a header that is about the entry after it, or (g) about all of them."""
        if (
            pending.pax is not None
            or (pending.long and header.kind not in b"LK")
            or header.kind in pending.long
        ):
            raise UnsafeArchive(f"a header of type {header.kind.decode()} about another header")
        if header.kind in b"xg":
            records = parse_pax(self._body(header, PAX_BYTES))
            if header.kind == b"x":
                pending.pax = records
            elif records.keys() - {"comment"}:
                raise UnsafeArchive(f"a global pax header with {min(records.keys() - {'comment'})[:80]!r}")
        else:
            pending.long[header.kind] = self._body(header, PATH_BYTES + 1).removesuffix(b"\0")

    def _count_xattrs(self, entry: Entry) -> None:
        self._xattr_bytes += _length(entry.xattrs)
        if self._xattr_bytes > LAYER_XATTR_BYTES:
            raise LimitExceeded(
                f"more than {LAYER_XATTR_BYTES} bytes of xattrs", limit=LAYER_XATTR_BYTES, path=entry.name
            )

    def _body(self, header: Header, limit: int) -> bytes:
        if header.size > limit:
            raise LimitExceeded(
                f"a header of type {header.kind.decode()} of more than {limit} bytes", limit=limit
            )
        padded = header.size + -header.size % BLOCK
        data = self._source.read(padded)
        if len(data) < padded:
            raise _ends_within_an_entry()
        return data[: header.size]


def _ends_within_an_entry() -> UnsafeArchive:
    return UnsafeArchive("an archive that ends within an entry")


def _entry(header: Header, pending: _Pending | None) -> Entry:
    pax, long = (pending.pax or {}, pending.long) if pending is not None else ({}, {})
    raw = pax.get("path", long.get(b"L", header.name))
    path = parse_path(raw)
    try:
        entry = _build(header, long, pax, path)
        _check_form(entry, raw)
        if _WHITEOUT in raw:
            check_whiteout(entry)
    except (LimitExceeded, UnsafeArchive) as error:
        raise error.about(path="/".join(path) or ".") from error
    return entry


def _build(
    header: Header, long: Mapping[bytes, bytes], pax: Mapping[str, bytes], path: tuple[str, ...]
) -> Entry:
    if header.kind not in _TYPES:
        what = _OTHERS.get(header.kind, f"an entry of type {header.kind!r}")
        raise UnsafeArchive(f"{what}: {'/'.join(path)}")
    if pax:
        _check_keys(pax)
    kind = _TYPES[header.kind]
    link = pax.get("linkpath", long.get(b"K", header.link))
    return Entry(  # in their order, for names take time
        kind,
        path,
        _mode(header.mode),
        _owner(header.uid, pax, "uid"),
        _owner(header.gid, pax, "gid"),
        _size(header.size, pax),
        parse_text(link, "symlink's target") if kind is Type.SYMLINK else "",
        parse_path(link, "hard link's target") if kind is Type.HARDLINK else (),
        _xattrs(pax) if pax else (),
    )


def _check_form(entry: Entry, raw: bytes) -> None:
    """What the type and the rest of the entry say must agree."""
    if entry.size and entry.type is not Type.FILE:
        raise UnsafeArchive(f"a {entry.type.value} with content: {entry.name}")
    if entry.type is Type.DIRECTORY:
        return
    if not entry.path:
        raise UnsafeArchive(f"the root is a {entry.type.value}")
    if raw.endswith((b"/", b"/.")):
        raise UnsafeArchive(f"a {entry.type.value} whose name is a directory's: {entry.name}")


def _check_keys(pax: Mapping[str, bytes]) -> None:
    for key in pax:
        if key.startswith(_REFUSED_KEYS):
            raise UnsafeArchive(f"a pax header with {key[:80]!r}")
    if pax.get("hdrcharset", _CHARSET) != _CHARSET:
        raise UnsafeArchive("a pax header in another character set than UTF-8")


def _mode(number: int) -> int:
    """Permission bits; some writers add the file's type, which the type flag says as well."""
    if number > MODE_MAX:
        raise UnsafeArchive("a mode that is out of range")
    return number & 0o7777


def _owner(number: int, pax: Mapping[str, bytes], key: str) -> int:
    said = pax_number(pax, key) if pax else None
    owner = number if said is None else said
    if owner > OWNER_MAX:
        raise UnsafeArchive(f"a {key} that is out of range")
    return owner


def _size(number: int, pax: Mapping[str, bytes]) -> int:
    """Two sizes that differ make two readers see two archives (CVE-2025-62518).

    The header cannot say 8 GiB in octal: writers put zero or the largest number there, and zero is let pass.
    """
    said = pax_number(pax, "size") if pax else None
    if said is None:
        return number
    if number in {said, 0} or (number == OCTAL_MAX and said > OCTAL_MAX):
        return said
    raise UnsafeArchive(f"a pax size of {said} over a header's size of {number}")


def _xattrs(pax: Mapping[str, bytes]) -> Xattrs:
    found = {
        key.removeprefix(_XATTR_KEY).encode(): value
        for key, value in pax.items()
        if key.startswith(_XATTR_KEY)
    }
    if not found:
        return ()
    if b"" in found:
        raise UnsafeArchive("an xattr without a name")
    if len(found) > XATTRS or _length(found.items()) > XATTR_BYTES:
        raise LimitExceeded(f"more than {XATTRS} xattrs or {XATTR_BYTES} bytes of them")
    if any(len(name) > NAME_BYTES for name in found):
        raise LimitExceeded(f"an xattr's name of more than {NAME_BYTES} bytes")
    return tuple(sorted(found.items()))


def _length(xattrs: Iterable[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) for name, value in xattrs)
