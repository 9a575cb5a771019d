# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""tar.py: what archives say, in tables; hostile ones each with the error that it must be."""

import hashlib
import io
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appctld.errors import AppctlError, LimitExceeded, UnsafeArchive
from appctld.workers.store.archive import tar
from appctld.workers.store.archive.entry import DEPTH, PATH_BYTES, Entry, Type
from appctld.workers.store.archive.tar import PAX_BYTES, XATTR_BYTES, XATTRS, TarReader
from support.layers.tarball import (
    BLOCK,
    GNU,
    archive,
    base256,
    directory,
    entry,
    gnu_long,
    hardlink,
    header,
    octal,
    pax,
    pax_raw,
    record,
    symlink,
)

GIB = 1 << 30


class Bytes(io.BytesIO):
    """A source that remembers what was read of it."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.hash = hashlib.sha256()

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.hash.update(data)
        return data

    def some(self, size: int) -> memoryview:
        return memoryview(self.read(size))

    def rest(self) -> Iterator[memoryview]:
        yield memoryview(self.read())

    @property
    def left(self) -> int:
        return 64 * GIB


def read(data: bytes) -> list[Entry]:
    return list(TarReader(Bytes(data)).entries())


def contents(data: bytes) -> dict[str, bytes]:
    reader = TarReader(Bytes(data))
    return {item.name: b"".join(reader.content()) for item in reader.entries()}


LONG = "/".join(["d" * 50] * 5)

GOOD = [
    ("ustar", entry("a", mode=0o4755, uid=7, gid=8, content=b"x"), ("a", Type.FILE, 0o4755, 7, 8, 1)),
    ("type zero byte", entry("a", b"\0"), ("a", Type.FILE, 0o644, 0, 0, 0)),
    ("leading dot", entry("./a//b/./c"), ("a/b/c", Type.FILE, 0o644, 0, 0, 0)),
    ("prefix", entry("c", prefix=b"a/b"), ("a/b/c", Type.FILE, 0o644, 0, 0, 0)),
    ("root", directory("./", mode=0o700), (".", Type.DIRECTORY, 0o700, 0, 0, 0)),
    ("type bits in the mode", directory("d/", mode=0o40755), ("d", Type.DIRECTORY, 0o755, 0, 0, 0)),
    ("pax path and owner", pax(path="ü", uid="4294967294", gid="9") + entry("x"),
     ("ü", Type.FILE, 0o644, 2**32 - 2, 9, 0)),
    ("pax size, header zero", pax(size="3") + header(b"a") + b"abc".ljust(BLOCK, b"\0"),
     ("a", Type.FILE, 0o644, 0, 0, 3)),
    ("both sizes equal", pax(size="3") + entry("a", content=b"abc"), ("a", Type.FILE, 0o644, 0, 0, 3)),
    ("GNU long name", gnu_long(b"L", LONG.encode()) + entry("x", magic=GNU),
     (LONG, Type.FILE, 0o644, 0, 0, 0)),
    ("GNU times", entry("a", magic=GNU, prefix=octal(5, 12) + base256(-5, 12)),
     ("a", Type.FILE, 0o644, 0, 0, 0)),
    ("base-256", entry("a", uid=base256(70000000, 8), size=base256(2, 12), content=b"ab"),
     ("a", Type.FILE, 0o644, 70000000, 0, 2)),
    ("fields filled with spaces", entry("a", uid=b"     7 \0", gid=bytes(8)),
     ("a", Type.FILE, 0o644, 7, 0, 0)),
    ("a comment for all", pax(b"g", comment="1234") + entry("a"), ("a", Type.FILE, 0o644, 0, 0, 0)),
    ("keys without meaning", pax(mtime="1.5", SCHILY__dev="1", VENDOR__x="y") + entry("a"),
     ("a", Type.FILE, 0o644, 0, 0, 0)),
    ("UTF-8 by name", pax(hdrcharset="ISO-IR 10646 2000 UTF-8") + entry("a"),
     ("a", Type.FILE, 0o644, 0, 0, 0)),
    ("device", entry("dev/console", b"3"), ("dev/console", Type.CHARACTER, 0o644, 0, 0, 0)),
    ("FIFO", entry("f", b"6"), ("f", Type.FIFO, 0o644, 0, 0, 0)),
    ("whiteout", entry("d/.wh.x"), ("d/.wh.x", Type.FILE, 0o644, 0, 0, 0)),
    ("opaque", entry("d/.wh..wh..opq"), ("d/.wh..wh..opq", Type.FILE, 0o644, 0, 0, 0)),
    ("a name like a whiteout's inside", entry("a.wh.b", content=b"x"), ("a.wh.b", Type.FILE, 0o644, 0, 0, 1)),
    ("a name with dots", entry("..a/.b."), ("..a/.b.", Type.FILE, 0o644, 0, 0, 0)),
]  # fmt: skip


@pytest.mark.parametrize(("data", "said"), [case[1:] for case in GOOD], ids=[case[0] for case in GOOD])
def test_an_entry_is_read_as_it_was_written(data: bytes, said: tuple[str, Type, int, int, int, int]) -> None:
    (found,) = read(archive(data))
    assert (found.name, found.type, found.mode, found.uid, found.gid, found.size) == said


def test_links_come_with_their_targets() -> None:
    long = "t" * 300
    data = archive(
        symlink("a", "../x y"),
        gnu_long(b"K", long.encode()) + gnu_long(b"L", b"b") + symlink("short", "t", magic=GNU),
        pax(linkpath="ü/../z") + symlink("c", "t"),
        hardlink("d", "./e//f"),
    )
    assert [(e.name, e.target, e.link) for e in read(data)] == [
        ("a", "../x y", ()),
        ("b", long, ()),
        ("c", "ü/../z", ()),
        ("d", "", ("e", "f")),
    ]


def test_xattrs_are_bytes_and_sorted() -> None:
    keys = pax(path="b", SCHILY__xattr__user__b=b"\0\n=\xff", mtime="1", SCHILY__xattr__user__a=b"")
    assert read(archive(keys + entry("a")))[0].xattrs == ((b"user.a", b""), (b"user.b", b"\0\n=\xff"))


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, (1 << 20) + 1])
def test_content_is_the_bytes_between_header_and_padding(size: int) -> None:
    body = bytes(range(251)) * (size // 251 + 1)
    data = archive(entry("a", content=body[:size]), entry("b", content=b"after"))
    assert contents(data) == {"a": body[:size], "b": b"after"}
    assert [found.name for found in read(data)] == ["a", "b"]


@pytest.mark.parametrize("after", [b"", bytes(5000), b"anything at all" * 100, entry("evil")])
def test_what_follows_the_end_is_read_and_hashed_but_means_nothing(after: bytes) -> None:
    data = archive(entry("a")) + after
    source = Bytes(data)
    assert [found.name for found in TarReader(source).entries()] == ["a"]
    assert source.hash.digest() == hashlib.sha256(data).digest()


@pytest.mark.parametrize("end", [b"", bytes(BLOCK), bytes(100), bytes(10 * BLOCK)])
def test_an_archive_may_end_short(end: bytes) -> None:
    assert [found.name for found in read(entry("a") + end)] == ["a"]


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


HOSTILE = [
    # leaving the tree
    ("absolute", entry("/etc/passwd"), UnsafeArchive),
    ("absolute in pax", pax(path="/a") + entry("a"), UnsafeArchive),
    ("absolute by prefix", entry("a", prefix=b"/"), UnsafeArchive),
    ("parent", entry("../a"), UnsafeArchive),
    ("parent inside", entry("a/../b"), UnsafeArchive),
    ("parent at the end", directory("a/.."), UnsafeArchive),
    ("parent in pax", pax(path="a/../../b") + entry("a"), UnsafeArchive),
    ("parent by GNU long name", gnu_long(b"L", b"../a") + entry("a", magic=GNU), UnsafeArchive),
    ("hard link to a parent", hardlink("a", "../b"), UnsafeArchive),
    ("hard link to an absolute path", hardlink("a", "/b"), UnsafeArchive),
    # a root that is no directory
    ("root as a symlink", symlink(".", "/"), UnsafeArchive),
    ("root as a symlink, with a slash", symlink("./", "/"), UnsafeArchive),
    ("root as a file", entry("./."), UnsafeArchive),
    ("root as a slash", directory("/"), UnsafeArchive),
    ("root as a hard link", hardlink(".", "a"), UnsafeArchive),
    ("root as a device", entry(".", b"3"), UnsafeArchive),
    # names
    ("no name", entry(""), UnsafeArchive),
    ("no name in pax", pax(path="") + entry("a"), UnsafeArchive),
    ("NUL in pax", pax(path=b"a\0b") + entry("a"), UnsafeArchive),
    ("NUL in a GNU name", gnu_long(b"L", b"a\0b") + entry("a", magic=GNU), UnsafeArchive),
    ("not UTF-8", entry(b"\xff"), UnsafeArchive),
    ("a surrogate", pax(path=b"\xed\xa0\x80") + entry("a"), UnsafeArchive),
    ("target not UTF-8", symlink("a", b"\xff"), UnsafeArchive),
    ("no target", symlink("a", ""), UnsafeArchive),
    ("NUL in a target", pax(linkpath=b"a\0b") + symlink("a", "b"), UnsafeArchive),
    ("hard link to nothing", hardlink("a", ""), UnsafeArchive),
    ("file named as a directory", entry("a/"), UnsafeArchive),
    ("old file named as a directory", entry("a/", b"\0"), UnsafeArchive),
    ("symlink named as a directory", symlink("a/.", "b"), UnsafeArchive),
    # sizes, numbers
    ("pax size below the header's", pax(size="1") + entry("a", content=b"x" * 600), UnsafeArchive),
    ("pax size above the header's", pax(size="600") + entry("a", content=b"x"), UnsafeArchive),
    ("pax size zero over a size", pax(size="0") + entry("a", content=b"x"), UnsafeArchive),
    ("pax size of 9 GiB over a small one", pax(size=str(9 * GIB)) + entry("a", content=b"x"), UnsafeArchive),
    ("a small pax size over 8 GiB", pax(size="1") + header(b"a", size=base256(9 * GIB, 12)), UnsafeArchive),
    ("negative size", header(b"a", size=base256(-1, 12)), UnsafeArchive),
    ("negative octal size", header(b"a", size=b"-0000000001\0"), UnsafeArchive),
    ("negative pax size", pax(size="-1") + entry("a"), UnsafeArchive),
    ("pax size that is none", pax(size="1e3") + entry("a"), UnsafeArchive),
    ("pax size empty", pax(size="") + entry("a"), UnsafeArchive),
    ("pax size of many digits", pax(size="9" * 20) + entry("a"), UnsafeArchive),
    ("size that is none", header(b"a", size=b"0000000008x\0"), UnsafeArchive),
    ("size with something after it", header(b"a", size=b"0000\0000007\0"), UnsafeArchive),
    ("negative uid", header(b"a", uid=base256(-1, 8)), UnsafeArchive),
    ("uid of 32 ones", pax(uid=str(2**32 - 1)) + entry("a"), UnsafeArchive),
    ("gid too large", header(b"a", gid=base256(2**32, 8)), UnsafeArchive),
    ("negative pax gid", pax(gid="-2") + entry("a"), UnsafeArchive),
    ("mode out of range", header(b"a", mode=b"7777777\0"), UnsafeArchive),
    ("symlink with content", header(b"a", b"2", link=b"b", size=512) + bytes(512), UnsafeArchive),
    ("directory with content", header(b"a", b"5", size=512) + bytes(512), UnsafeArchive),
    ("hard link with content", hardlink("a", "b", size=512) + bytes(512), UnsafeArchive),
    ("device with content", header(b"a", b"3", size=512) + bytes(512), UnsafeArchive),
    ("directory with pax size", pax(size="512") + directory("a") + bytes(512), UnsafeArchive),
    # headers about headers
    ("pax over a GNU name", pax(size="512") + gnu_long(b"L", b"b") + entry("a", magic=GNU), UnsafeArchive),
    ("pax over a GNU link", pax(size="512") + gnu_long(b"K", b"b") + symlink("a", "c"), UnsafeArchive),
    ("GNU name over pax", gnu_long(b"L", b"b") + pax(path="c") + entry("a"), UnsafeArchive),
    ("pax over pax", pax(path="b") + pax(path="c") + entry("a"), UnsafeArchive),
    ("pax over a global header", pax(path="b") + pax(b"g", comment="c") + entry("a"), UnsafeArchive),
    ("GNU name over a global one", gnu_long(b"L", b"b") + pax(b"g", comment="c") + entry("a"), UnsafeArchive),
    ("GNU name twice", gnu_long(b"L", b"b") + gnu_long(b"L", b"c") + entry("a"), UnsafeArchive),
    ("global path", pax(b"g", path="b") + entry("a"), UnsafeArchive),
    ("global size", pax(b"g", size="512") + entry("a"), UnsafeArchive),
    # pax records
    ("a key twice", pax_raw(record(b"path", b"a") + record(b"path", b"b")) + entry("a"), UnsafeArchive),
    ("record too long", pax_raw(b"99 path=b\n") + entry("a"), UnsafeArchive),
    ("record too short", pax_raw(b"5 path=b\n") + entry("a"), UnsafeArchive),
    ("record without a newline", pax_raw(b"9 path=bc") + entry("a"), UnsafeArchive),
    ("record without a key", pax_raw(b"5 =b\n") + entry("a"), UnsafeArchive),
    ("record without a length", pax_raw(b"path=b\n") + entry("a"), UnsafeArchive),
    ("length with a zero in front", pax_raw(b"010 path=b\n") + entry("a"), UnsafeArchive),
    ("length zero", pax_raw(b"0 path=b\n") + entry("a"), UnsafeArchive),
    ("NULs after the records", pax_raw(record(b"path", b"b") + bytes(3)) + entry("a"), UnsafeArchive),
    ("key not UTF-8", pax_raw(record(b"\xff", b"b")) + entry("a"), UnsafeArchive),
    ("binary names", pax(hdrcharset="BINARY") + entry("a"), UnsafeArchive),
    ("xattr without a name", pax_raw(record(b"SCHILY.xattr.", b"b")) + entry("a"), UnsafeArchive),
    # what is refused by name
    ("GNU sparse", entry("a", b"S", magic=GNU), UnsafeArchive),
    ("pax sparse 0.1", pax(GNU__sparse__map="0,1") + entry("a"), UnsafeArchive),
    ("pax sparse 1.0", pax(GNU__sparse__major="1") + entry("a"), UnsafeArchive),
    ("star sparse", pax(SCHILY__realsize="5") + entry("a"), UnsafeArchive),
    ("contiguous", entry("a", b"7"), UnsafeArchive),
    ("dump directory", entry("a", b"D", magic=GNU), UnsafeArchive),
    ("next volume", entry("a", b"M", magic=GNU), UnsafeArchive),
    ("volume name", entry("a", b"V", magic=GNU), UnsafeArchive),
    ("Sun pax", entry("a", b"X"), UnsafeArchive),
    ("unknown", entry("a", b"Z"), UnsafeArchive),
    ("old-style", entry("a", magic=bytes(8)), UnsafeArchive),
    ("other version", entry("a", magic=b"ustar\x0001"), UnsafeArchive),
    ("star", entry("a", tail=b"tar\0"), UnsafeArchive),
    ("GNU with a prefix", entry("a", magic=GNU, prefix=b"some/where"), UnsafeArchive),
    ("GNU, a prefix after a time", entry("a", magic=GNU, prefix=octal(5, 12) + b"a/b"), UnsafeArchive),
    # whiteouts
    ("bare whiteout", entry(".wh."), UnsafeArchive),
    ("whiteout of .", entry("d/.wh.."), UnsafeArchive),
    ("whiteout of ..", entry("d/.wh..."), UnsafeArchive),
    ("whiteout of a whiteout", entry(".wh..wh.x"), UnsafeArchive),
    ("aufs", entry(".wh..wh.plnk"), UnsafeArchive),
    ("whiteout with content", entry(".wh.a", content=b"x"), UnsafeArchive),
    ("opaque with content", entry(".wh..wh..opq", content=b"x"), UnsafeArchive),
    ("whiteout as a directory", directory(".wh.a/"), UnsafeArchive),
    ("whiteout as a symlink", symlink(".wh.a", "b"), UnsafeArchive),
    ("whiteout as a hard link", hardlink(".wh.a", "b"), UnsafeArchive),
    ("whiteout as a device", entry(".wh.a", b"3"), UnsafeArchive),
    ("below a whiteout", entry(".wh.a/b"), UnsafeArchive),
    ("opaque as a directory", directory("d/.wh..wh..opq"), UnsafeArchive),
    # damage
    ("wrong checksum", flip(entry("a"), 0), UnsafeArchive),
    ("a zero block amid", bytes(BLOCK) + entry("a"), UnsafeArchive),
    # limits
    ("path too long", pax(path="a/" * (PATH_BYTES // 2) + "bb") + entry("a"), LimitExceeded),
    ("GNU name too long", gnu_long(b"L", b"a" * (PATH_BYTES + 1)) + entry("a"), LimitExceeded),
    ("target too long", pax(linkpath="a" * (PATH_BYTES + 1)) + symlink("a", "b"), LimitExceeded),
    ("name too long", pax(path="a" * 256) + entry("a"), LimitExceeded),
    ("name too long in bytes", pax(path="ü" * 128) + entry("a"), LimitExceeded),
    ("too deep", pax(path="a/" * DEPTH + "b") + entry("a"), LimitExceeded),
    ("pax too large", header(b"pax", b"x", size=PAX_BYTES + 1), LimitExceeded),
    ("xattrs too large", pax(SCHILY__xattr__user__a="x" * XATTR_BYTES) + entry("a"), LimitExceeded),
    ("long xattr's name", pax_raw(record(b"SCHILY.xattr." + b"a" * 256, b"")) + entry("a"), LimitExceeded),
    ("too many xattrs",
     pax_raw(b"".join(record(b"SCHILY.xattr.u.%d" % n, b"") for n in range(XATTRS + 1))) + entry("a"),
     LimitExceeded),
]  # fmt: skip


@pytest.mark.parametrize(("data", "leaf"), [c[1:] for c in HOSTILE], ids=[c[0] for c in HOSTILE])
def test_a_hostile_archive_is_refused(data: bytes, leaf: type[AppctlError]) -> None:
    with pytest.raises(AppctlError) as raised:
        read(archive(entry("before", content=b"x"), data, entry("after")))
    assert type(raised.value) is leaf


@pytest.mark.parametrize("size", [9 * GIB, 8 * GIB])
@pytest.mark.parametrize("field", ["header zero", "header full of sevens", "header in base 256"])
def test_eight_gib_may_be_said_in_pax_alone(size: int, field: str) -> None:
    said = {
        "header zero": 0,
        "header full of sevens": b"77777777777\0",
        "header in base 256": base256(size, 12),
    }
    reader = TarReader(Bytes(pax(size=str(size)) + header(b"a", size=said[field])))  # type: ignore[arg-type]
    assert next(reader.entries()).size == size


@pytest.mark.parametrize("length", [*range(1, BLOCK, 37), BLOCK + 1, 2 * BLOCK - 1, 3 * BLOCK + 7])
def test_an_archive_that_ends_within_an_entry_is_refused(length: int) -> None:
    whole = pax(path="b") + entry("a", content=b"x" * 600)
    with pytest.raises(UnsafeArchive):
        read(whole[:length])


@pytest.mark.parametrize("missing", [1, BLOCK - 1])
def test_an_archive_that_ends_within_the_padding_of_a_file_is_refused(missing: int) -> None:
    whole = entry("a", content=b"x")
    assert [found.name for found in read(whole)] == ["a"]
    with pytest.raises(UnsafeArchive, match="ends within an entry"):
        read(whole[:-missing])


def test_an_archive_that_ends_within_a_header_about_all_entries_is_refused() -> None:
    """Nothing else need follow such a header, so that nobody would miss its end."""
    whole = entry("a") + pax(b"g", comment="1234")
    assert [found.name for found in read(whole)] == ["a"]
    with pytest.raises(UnsafeArchive, match="ends within an entry"):
        read(whole[:-1])


@pytest.mark.parametrize("last", [pax(path="b"), gnu_long(b"L", b"b"), gnu_long(b"K", b"b")])
@pytest.mark.parametrize("end", [b"", bytes(2 * BLOCK)])
def test_a_header_about_an_entry_that_never_comes_is_refused(last: bytes, end: bytes) -> None:
    with pytest.raises(UnsafeArchive):
        read(entry("a") + last + end)


def test_the_error_names_the_path() -> None:
    with pytest.raises(UnsafeArchive) as raised:
        read(archive(entry("some/where", b"S")))
    assert raised.value.data["path"] == "some/where"
    assert "sparse" in raised.value.message


def test_headers_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tar, "ENTRIES", 3)
    assert len(read(archive(*[entry(f"{n}") for n in range(3)]))) == 3
    for kind in (pax(b"g", comment="x"), entry("a")):
        with pytest.raises(LimitExceeded):
            read(archive(kind, *[entry(f"{n}") for n in range(3)]))


@given(st.binary(max_size=4 * BLOCK))
def test_no_bytes_make_the_reader_fail_otherwise(data: bytes) -> None:
    with_sum = entry("a") + data
    for attempt in (data, with_sum):
        try:
            read(attempt)
        except (UnsafeArchive, LimitExceeded):
            continue


@given(st.data())
def test_no_flipped_bit_makes_the_reader_fail_otherwise(data: st.DataObject) -> None:
    whole = bytearray(archive(pax(path="b", size="3") + entry("a", content=b"abc"), symlink("l", "b")))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        read(bytes(whole))
    except (UnsafeArchive, LimitExceeded):
        return
