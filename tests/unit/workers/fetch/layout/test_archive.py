# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A layout in one tar is the same layout; an archive that plays tricks is refused, at once."""

import contextlib
import os
import random
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from appctld.errors import (
    AppctlError,
    BadManifest,
    DigestMismatch,
    InvalidReference,
    LimitExceeded,
    NotFound,
    UnsafeArchive,
)
from appctld.workers.fetch.layout import archive
from appctld.workers.fetch.layout.archive import (
    HEADER_BYTES,
    HEADERS_BYTES,
    NAME_LENGTH,
    Archive,
    _Reader,
)
from support.workers.archives import Bundle, Member, member, members_of, packed
from support.workers.shelves import REPOSITORY, Shelf

LAYER = random.Random(1).randbytes(300_000)  # noqa: S311 - the same in every run


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    made = Shelf(tmp_path / "images")
    made.add("1", b"{1}")
    made.blob(LAYER)
    return made


@pytest.fixture
def bundle(tmp_path: Path, nothing_stays: None) -> Bundle:
    return Bundle(tmp_path / "bundle.tar")


@pytest.mark.parametrize("format_", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("before", ["", "./"])
def test_an_archive_answers_as_the_directory_does(
    format_: int, before: str, shelf: Shelf, bundle: Bundle
) -> None:
    digest, layer = shelf.add("2", b"{2}"), str(shelf.blob(LAYER)["digest"])
    shelf.sign(digest, b"first", b"second")
    members = list(members_of(shelf.directory))
    for entry, _ in members:
        entry.name = f"{before}{entry.name}"
    bundle.write(members, format_)
    assert bundle.resolve("1") == b"{1}"
    assert bundle.resolve(digest) == b"{2}"
    assert bundle.fetch(layer, len(LAYER)) == LAYER
    answer, signatures = bundle.run("signatures", {"digest": digest})
    assert signatures == b"firstsecond"
    place = f"the archive/lookaside/{REPOSITORY}@sha256={digest.removeprefix('sha256:')}"
    assert answer["looked_at"] == [[f"{place}/signature-{n}", 200 if n < 3 else 404] for n in (1, 2, 3)]
    assert bundle.run("attachments", {"digest": digest})[0]["attached"] == []
    with pytest.raises(NotFound, match=r"the archive has no quay\.io/acme/tools/editor:3; it has 1, 2"):
        bundle.resolve("3")


def test_names_that_need_a_long_header_are_read(shelf: Shelf, bundle: Bundle) -> None:
    repository = "acme/" + "/".join(["x" * 40] * 5)
    digest = shelf.add(f"{repository.removeprefix('acme/')}:1", b"{long}")
    shelf.sign(digest, b"signature", repository=repository)
    for format_ in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        bundle.write(members_of(shelf.directory), format_)
        assert bundle.run("signatures", {"digest": digest}, repository=repository)[1] == b"signature"


Change = Callable[[list[Member]], list[Member]]


def with_(*more: Member) -> Change:
    """The archive with more in it."""
    return lambda members: [*members, *more]


def sparse(members: list[Member]) -> list[Member]:
    """A member that says it is sparse, as GNU tar writes it in pax headers."""
    entry, data = member("sparse", b"1\n0\n5\n".ljust(512, b"\0") + b"12345")
    entry.pax_headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": "sparse",
        "GNU.sparse.realsize": "1000000000000",
    }
    return [*members, (entry, data)]


def renamed(members: list[Member]) -> list[Member]:
    """A second index, which only its pax header calls so."""
    entry, data = member("other", b"{}")
    entry.pax_headers = {"path": "index.json"}
    return [*members, (entry, data)]


TRICKS: list[tuple[Change, type[AppctlError], str]] = [
    (with_(member("index.json", b"{}")), UnsafeArchive, "index.json twice"),
    (with_(member("./index.json", b"{}")), UnsafeArchive, "index.json twice"),
    (with_(member("index.json", kind=tarfile.SYMTYPE, target="x")), UnsafeArchive, "index.json twice"),
    (renamed, UnsafeArchive, "index.json twice"),
    (with_(member("x", b"1"), member("x", b"1")), UnsafeArchive, "x twice"),
    (
        with_(member("x", kind=tarfile.SYMTYPE, target="y"), member("x", b"1")),
        UnsafeArchive,
        "x twice",
    ),
    (with_(member("../index.json", b"{}")), UnsafeArchive, "has the name"),
    (with_(member("blobs/../index.json", b"{}")), UnsafeArchive, "has the name"),
    (with_(member("/index.json", b"{}")), UnsafeArchive, "has the name"),
    (with_(member("a//b", b"")), UnsafeArchive, "has the name"),
    (with_(member("././x", b"")), UnsafeArchive, "has the name"),
    (with_(member("x" * (NAME_LENGTH + 1), b"")), UnsafeArchive, "a name of more than"),
    (with_(member("x", kind=tarfile.SYMTYPE, target="index.json")), UnsafeArchive, "has links"),
    (with_(member("x", kind=tarfile.LNKTYPE, target="index.json")), UnsafeArchive, "no plain file"),
    (with_(member("x", kind=tarfile.FIFOTYPE)), UnsafeArchive, "no plain file"),
    (with_(member("x", kind=tarfile.CHRTYPE)), UnsafeArchive, "no plain file"),
    (with_(member("x", kind=tarfile.BLKTYPE)), UnsafeArchive, "no plain file"),
    (sparse, UnsafeArchive, "no plain file"),
    (lambda members: members[:-1], BadManifest, "has no oci-layout"),
    (lambda _: [], BadManifest, "has no oci-layout"),
]


@pytest.mark.parametrize(("change", "error", "why"), TRICKS)
def test_tricks(change: Change, error: type[AppctlError], why: str, shelf: Shelf, bundle: Bundle) -> None:
    bundle.write(change(list(members_of(shelf.directory))), tarfile.PAX_FORMAT)
    with pytest.raises(error, match=why):
        bundle.resolve("1")


def test_there_are_so_many_members_at_most(
    shelf: Shelf, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = [*members_of(shelf.directory)]
    bundle.write(members)
    monkeypatch.setattr(archive, "MEMBERS", len(members))
    assert bundle.resolve("1") == b"{1}"
    monkeypatch.setattr(archive, "MEMBERS", len(members) - 1)
    with pytest.raises(LimitExceeded, match=f"more than {len(members) - 1} members"):
        bundle.resolve("1")


def test_a_sparse_member_of_gnu_tar_is_refused(shelf: Shelf, bundle: Bundle) -> None:
    bundle.write([*members_of(shelf.directory), member("x", kind=tarfile.GNUTYPE_SPARSE)])
    with pytest.raises(UnsafeArchive, match="no plain file"):
        bundle.resolve("1")


def test_every_cut_is_an_error(shelf: Shelf, bundle: Bundle) -> None:
    whole = packed(members_of(shelf.directory))
    ends = len(whole.rstrip(b"\0"))
    for cut in [*range(0, ends, 10_000), ends - 1, 512, 511, 1]:
        bundle.path.write_bytes(whole[:cut])
        with pytest.raises(BadManifest):
            bundle.resolve("1")


@pytest.mark.parametrize("data", [b"x" * 2048, b"\x1f\x8b" + b"x" * 2048, b"{}", b"PK" * 1024])
def test_what_is_no_tar(data: bytes, bundle: Bundle) -> None:
    bundle.path.write_bytes(data)
    with pytest.raises(BadManifest) as raised:
        bundle.resolve("1")
    assert "gunzip" in raised.value.advice or not data.strip(b"\0")


def header(name: str, size: bytes, kind: bytes = tarfile.REGTYPE) -> bytes:
    """A header with those bytes in its size field."""
    block = bytearray(tarfile.TarInfo(name).tobuf(tarfile.USTAR_FORMAT))
    block[124:136], block[156:157] = size.ljust(12, b"\0"), kind
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


HEADERS = {
    "negative": header("x", b"\xff" * 12),
    "huge": header("x", b"\x80" + b"\0" * 3 + b"\x7f" + b"\xff" * 7),
    "no number": header("x", b"zzz"),
    "beyond the end": header("x", b"40000000000"),
    "a long name without end": header(
        "x", b"\x80" + b"\0" * 3 + b"\x7f" + b"\xff" * 7, tarfile.GNUTYPE_LONGNAME
    ),
    "an extended header of a gigabyte": header("x", b"10000000000", tarfile.XHDTYPE),
    "negative extended header": header("x", b"\xff" * 12, tarfile.XHDTYPE),
    "a chain of long names": (header("x", b"00000000001", tarfile.GNUTYPE_LONGNAME) + b"x".ljust(512, b"\0"))
    * 5000,
    "an extended header that says less than nothing": header("x", b"00000000013", tarfile.XHDTYPE)
    + b"11 size=-9\n".ljust(512, b"\0")
    + header("x", b"0"),
    "an extended header with nothing to extend": header("x", b"0", tarfile.XHDTYPE),
}


@pytest.mark.parametrize("what", HEADERS)
def test_headers_that_lie_about_sizes(what: str, shelf: Shelf, bundle: Bundle) -> None:
    layout = packed(members_of(shelf.directory))
    whole = layout[: len(layout) // 512 * 512].rstrip(b"\0")
    whole = whole.ljust(-(-len(whole) // 512) * 512, b"\0")
    bundle.path.write_bytes(whole + HEADERS[what] + bytes(1024))
    os.truncate(bundle.path, 3 << 30)  # sparse: what would be read is there
    with pytest.raises((BadManifest, LimitExceeded)):
        bundle.resolve("1")


def test_what_the_library_takes_for_an_end_is_none(
    shelf: Shelf, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python with the mend of CVE-2025-8194 reads no header whose size is negative, and says nothing."""
    aligned = tarfile.TarInfo._block  # type: ignore[attr-defined]  # what that mend changed

    def mended(self: tarfile.TarInfo, count: int) -> int:
        if count < 0:
            raise tarfile.InvalidHeaderError("invalid offset")  # type: ignore[attr-defined]
        return int(aligned(self, count))

    monkeypatch.setattr(tarfile.TarInfo, "_block", mended)
    test_headers_that_lie_about_sizes("an extended header that says less than nothing", shelf, bundle)


def test_random_bytes_in_headers_are_a_typed_error_or_harmless(shelf: Shelf, bundle: Bundle) -> None:
    whole = packed(members_of(shelf.directory), tarfile.PAX_FORMAT)
    chance = random.Random(7)  # noqa: S311 - the same in every run
    for _ in range(300):
        broken = bytearray(whole)
        for _ in range(chance.randrange(1, 4)):
            broken[chance.randrange(2048)] = chance.randrange(256)
        bundle.path.write_bytes(broken)
        with contextlib.suppress(AppctlError):
            assert bundle.resolve("1") == b"{1}"


def test_an_archive_that_changes_is_hashed_as_it_is(shelf: Shelf, bundle: Bundle) -> None:
    bundle.write(members_of(shelf.directory))
    whole = bundle.path.read_bytes()
    bundle.path.write_bytes(whole.replace(b"{1}", b"{2}"))
    with pytest.raises(DigestMismatch):
        bundle.resolve("1")


def test_one_that_shrinks_while_it_is_read_gives_what_is_left(shelf: Shelf, bundle: Bundle) -> None:
    bundle.write(members_of(shelf.directory))
    with bundle.path.open("rb") as file:
        found = Archive(file.fileno()).open("blobs", "sha256", str(shelf.blob(LAYER)["digest"])[7:])
        assert found is not None
        os.truncate(bundle.path, found.offset + 1000)
        assert found.read(len(LAYER)) == LAYER[:1000]


def test_what_it_has_is_told_by_name_and_a_link_is_no_file(bundle: Bundle) -> None:
    bundle.write([member("./a/b", b"1"), member("link", kind=tarfile.SYMTYPE, target="a/b")])
    with bundle.path.open("rb") as file:
        found = Archive(file.fileno())
        assert ("a/b" in found, "a" in found, "link" in found) == (True, False, False)
        assert found.links == {"link": "a/b"}
        assert found.open("a") is None
        with pytest.raises(UnsafeArchive, match="link is a link"):
            found.open("link")


def read_for_ever(reader: _Reader) -> None:
    """As the library would, with headers that lead it back and forth."""
    for _ in range(HEADERS_BYTES // 512):
        reader.seek(0)
        reader.read(0)


def test_the_librarys_reads_are_counted(bundle: Bundle) -> None:
    bundle.path.write_bytes(bytes(2 * HEADER_BYTES))
    with bundle.path.open("rb") as file:
        reader = _Reader(file.fileno())
        assert len(reader.read(HEADER_BYTES)) == reader.tell() == HEADER_BYTES
        for size in (-1, HEADER_BYTES + 1):
            with pytest.raises(LimitExceeded, match="too large headers"):
                reader.read(size)
        with pytest.raises(LimitExceeded, match="too many"):
            read_for_ever(reader)


def test_only_a_file_is_an_archive(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    with pytest.raises(InvalidReference, match="regular file"):
        Archive(reader)
    os.close(reader)
    os.close(writer)
    directory = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(InvalidReference, match="regular file"):
        Archive(directory)
    os.close(directory)
