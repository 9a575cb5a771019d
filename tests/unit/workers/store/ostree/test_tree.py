# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""tree.py against GLib's serialiser and the real libostree; hostile objects in a table."""

import hashlib
import stat
from collections.abc import Sequence
from pathlib import Path

import gi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appctld.errors import UnsafeArchive
from appctld.workers.store.ostree.tree import (
    NAME_BYTES,
    DirMeta,
    DirTree,
    checksum,
    parse_dirmeta,
    parse_dirtree,
    serialize_dirmeta,
    serialize_dirtree,
)
from support.repositories.oracle_writer import of_bytes

gi.require_version("OSTree", "1.0")
from gi.repository import Gio, GLib, OSTree  # noqa: E402

DIRMETA = "(uuua(ayay))"
A, B, C = ("aa" * 32, "bb" * 32, "cc" * 32)

names = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=60
).filter(lambda name: name not in {".", ".."})
sums = st.binary(min_size=32, max_size=32).map(bytes.hex)


@st.composite
def trees(draw: st.DrawFn) -> DirTree:
    files = draw(st.dictionaries(names, sums, max_size=40))
    dirs = draw(st.dictionaries(names, st.tuples(sums, sums), max_size=40))
    return DirTree(files, {name: both for name, both in dirs.items() if name not in files})


def glib_dirtree(files: Sequence[tuple[bytes | str, ...]], dirs: Sequence[tuple[bytes | str, ...]]) -> bytes:
    """What GLib makes of these entries, in the order given, checked by nobody."""
    both = [GLib.VariantBuilder.new(GLib.VariantType.new(kind)) for kind in ("a(say)", "a(sayay)")]
    for builder, entries in zip(both, (files, dirs), strict=True):
        for name, *sums in entries:
            entry = [GLib.Variant("s", name), *(of_bytes(bytes.fromhex(str(one))) for one in sums)]
            builder.add_value(GLib.Variant.new_tuple(*entry))
    data: bytes = GLib.Variant.new_tuple(*(one.end() for one in both)).get_data_as_bytes().get_data()
    return data


def as_libostree_sorts(tree: DirTree) -> bytes:
    def by_bytes(name: str) -> bytes:
        return name.encode()

    return glib_dirtree(
        [(name, tree.files[name]) for name in sorted(tree.files, key=by_bytes)],
        [(name, *tree.dirs[name]) for name in sorted(tree.dirs, key=by_bytes)],
    )


@given(trees())
def test_a_dirtree_is_the_bytes_that_glib_makes_and_comes_back_equal(tree: DirTree) -> None:
    data = serialize_dirtree(tree)
    assert data == as_libostree_sorts(tree)
    assert parse_dirtree(data) == tree


@pytest.mark.parametrize("count", [0, 1, 3, 5, 6, 7, 8, 700, 1300, 1500, 1700, 1800, 2000])
def test_offsets_widen_where_glib_widens_them(count: int) -> None:
    tree = DirTree({f"{number:04}": A for number in range(count)}, {"d": (B, C)})
    assert serialize_dirtree(tree) == as_libostree_sorts(tree)
    assert parse_dirtree(serialize_dirtree(tree)) == tree


@pytest.mark.parametrize("length", range(215, 231))
def test_an_entry_that_crosses_255_bytes_has_wider_offsets(length: int) -> None:
    tree = DirTree({"n" * length: A}, {"d" * (length - 32): (B, C)})
    assert serialize_dirtree(tree) == as_libostree_sorts(tree)


xattr_names = st.binary(min_size=1, max_size=20).filter(lambda name: b"\0" not in name)
xattrs = st.dictionaries(xattr_names, st.binary(max_size=300))


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 0o7777), xattrs)
def test_a_dirmeta_is_the_bytes_that_glib_makes(
    uid: int, gid: int, mode: int, pairs: dict[bytes, bytes]
) -> None:
    ordered = sorted(pairs.items())
    data = serialize_dirmeta(uid, gid, mode, list(pairs.items()))
    assert data == glib_dirmeta(uid, gid, stat.S_IFDIR | mode, [(k + b"\0", v) for k, v in ordered])
    assert parse_dirmeta(data) == DirMeta(uid, gid, stat.S_IFDIR | mode, tuple(ordered))


def glib_dirmeta(uid: int, gid: int, mode: int, pairs: Sequence[tuple[bytes, bytes]] = ()) -> bytes:
    data: bytes = GLib.Variant(DIRMETA, (_be(uid), _be(gid), _be(mode), pairs)).get_data_as_bytes().get_data()
    return data


def _be(number: int) -> int:
    return int.from_bytes(number.to_bytes(4, "big"), "little")


def test_libostree_writes_the_same_objects_under_the_same_names(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "sub" / "ünder").mkdir(parents=True)
    (source / "sub" / "a file").write_bytes(b"x")
    (source / "z").symlink_to("sub")
    for directory in (source, source / "sub", source / "sub" / "ünder"):
        directory.chmod(0o755)
    repo = OSTree.Repo.create_at(-100, str(tmp_path / "repo"), OSTree.RepoMode.BARE_USER, None, None)
    mtree = OSTree.MutableTree()
    repo.prepare_transaction(None)
    flags = OSTree.RepoCommitModifierFlags.CANONICAL_PERMISSIONS
    modifier = OSTree.RepoCommitModifier.new(flags, None, None)
    repo.write_directory_to_mtree(Gio.File.new_for_path(str(source)), mtree, modifier, None)
    _, root = repo.write_mtree(mtree, None)
    repo.commit_transaction(None)

    meta = serialize_dirmeta(0, 0, 0o755)
    assert checksum(meta) == root.tree_get_metadata_checksum()
    seen = _walk(repo, root.tree_get_contents_checksum())
    assert seen == ["sub/", "sub/a file", "sub/ünder/", "z"]


def _walk(repo: OSTree.Repo, name: str, prefix: str = "") -> list[str]:
    """Every path below a stored dirtree; on the way each object is parsed, written again and compared."""
    _, variant = repo.load_variant(OSTree.ObjectType.DIR_TREE, name)
    data = variant.get_data_as_bytes().get_data()
    tree = parse_dirtree(data)
    assert serialize_dirtree(tree) == data
    assert hashlib.sha256(data).hexdigest() == name
    paths = [prefix + file for file in tree.files]
    for sub, (below, _) in tree.dirs.items():
        paths += [f"{prefix}{sub}/", *_walk(repo, below, f"{prefix}{sub}/")]
    return sorted(paths)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "empty"),
        (".", "the directory itself"),
        ("..", "its parent"),
        ("a/b", "two components"),
        ("/", "a separator"),
        ("a\0b", "a NUL ends the string in C"),
        ("\udcff", "a byte that is not UTF-8"),
        ("n" * (NAME_BYTES + 1), "longer than NAME_MAX"),
        ("ü" * (NAME_BYTES // 2 + 1), "NAME_MAX counts bytes"),
    ],
)
def test_a_name_that_could_leave_its_directory_is_refused(name: str, why: str) -> None:
    with pytest.raises(UnsafeArchive):
        DirTree({name: A})
    with pytest.raises(UnsafeArchive):
        DirTree({}, {name: (A, B)})
    assert why


def test_one_name_as_file_and_directory_is_refused() -> None:
    with pytest.raises(UnsafeArchive, match="at once"):
        DirTree({"x": A}, {"x": (A, B)})


GOOD = glib_dirtree([("a", A), ("b", A)], [("d", B, C)])
HOSTILE = [
    (b"", "nothing"),
    (b"\xff" * 40, "offsets outside"),
    (GOOD + b"\0", "one byte more"),
    (GOOD[:-1], "one byte less"),
    (GOOD[1:], "shifted"),
    (glib_dirtree([("b", A), ("a", A)], []), "unsorted files"),
    (glib_dirtree([("a", A), ("a", B)], []), "a name twice"),
    (glib_dirtree([], [("e", A, B), ("d", A, B)]), "unsorted directories"),
    (glib_dirtree([], [("d", A, B), ("d", A, C)]), "a directory twice"),
    (glib_dirtree([("x", A)], [("x", A, B)]), "file and directory (libostree's fsck takes it)"),
    (glib_dirtree([("..", A)], []), "parent"),
    (glib_dirtree([], [("a/b", A, B)]), "slash"),
    (glib_dirtree([("", A)], []), "empty"),
    (glib_dirtree([("a", A[:-2])], []), "short checksum"),
    (glib_dirtree([("a", A + "aa")], []), "long checksum"),
    (glib_dirtree([("n" * 28, "aa")], []), "a checksum of one byte, where a reader from behind finds a name"),
    (glib_dirtree([("n" * 250, A[:-2])], []), "short checksum behind a long name"),
    (glib_dirtree([], [("a", "", B)]), "no checksum"),
    (GOOD.replace(b"b\0", b"\xff\0"), "not UTF-8"),
]


@pytest.mark.parametrize(("data", "why"), HOSTILE, ids=[why for _, why in HOSTILE])
def test_a_hostile_dirtree_is_refused(data: bytes, why: str) -> None:
    assert parse_dirtree(GOOD) == DirTree({"a": A, "b": A}, {"d": (B, C)})
    with pytest.raises(UnsafeArchive):
        parse_dirtree(data)
    assert why


@given(trees(), st.data())
def test_only_what_would_be_written_so_is_read(tree: DirTree, data: st.DataObject) -> None:
    """A byte that is another, that is one more or one less: the parser never takes it for the normal form."""
    whole = serialize_dirtree(tree)
    at = data.draw(st.integers(0, len(whole) - 1))
    before, byte, behind = whole[:at], whole[at], whole[at + 1 :]
    other = data.draw(st.binary(max_size=2))
    for altered in (before + other + behind, before + bytes([byte ^ 1 << at % 8]) + behind):
        try:
            read = parse_dirtree(altered)
        except UnsafeArchive:
            continue
        assert serialize_dirtree(read) == altered


def _offset(number: int, width: int = 1) -> bytes:
    return number.to_bytes(width, "little")


def _entry(name: bytes, *sums: str) -> bytes:
    """An entry with offsets of one byte, fitting or not."""
    ends = [len(name) + 1 + 32 * number for number in range(len(sums))]
    return name + b"\0" + b"".join(map(bytes.fromhex, sums)) + bytes(ends[::-1])


def _files(*entries: bytes, width: int = 1, outer: int = 1) -> bytes:
    """A dirtree without directories; offsets, the array's and the tuple's, may be wider than GLib's."""
    ends = [sum(map(len, entries[: number + 1])) for number in range(len(entries))]
    array = b"".join(entries) + b"".join(_offset(end, width) for end in ends)
    return array + _offset(len(array), outer)


ONE, TWO = _entry(b"a", A), _entry(b"b", B)
HALVES = (
    _entry(b"a" * 92, A),
    _entry(b"b" * 92, B),
)  # 252 bytes: room for three narrow offsets, not for wide ones
ABNORMAL = [
    (_files(ONE, TWO + b"\0"), "a byte between the checksum and its end"),
    (_files(ONE[:-1] + b"\3", TWO), "a name that ends elsewhere"),
    (ONE + TWO + b"\0\x46\x48", "a first entry that is empty, says the offset"),
    (ONE + TWO + b"\x46\x48", "an entry without an offset"),
    (ONE + b"\0" + TWO + b"\x23\x47\x49", "slack between entries"),
    (_files(*HALVES, width=2, outer=2), "an array with wider offsets than it needs"),
    (_files(*HALVES, outer=2), "a tuple with a wider offset than it needs"),
    (_files(_entry(b"n" * 222, A), width=2, outer=2), "an entry of 256 bytes with a narrow offset"),
    (b"a" * 40 + b"\x28\x29", "a name without its end"),
    (ONE + b"\x23\x25", "a tuple whose first member ends behind it"),
]


@pytest.mark.parametrize(("data", "why"), ABNORMAL, ids=[why for _, why in ABNORMAL])
def test_what_glib_would_write_otherwise_is_refused(data: bytes, why: str) -> None:
    assert parse_dirtree(_files(ONE, TWO)) == DirTree({"a": A, "b": B})
    assert len(parse_dirtree(_files(*HALVES)).files) == len(HALVES)
    with pytest.raises(UnsafeArchive):
        parse_dirtree(data)
    assert why


def test_members_that_overlap_are_not_cut_out() -> None:
    """Each of a million offsets may name nearly the whole object: what is cut would not fit into memory."""
    array = ONE + TWO + bytes([len(ONE + TWO), len(ONE), len(ONE + TWO)])
    with pytest.raises(UnsafeArchive) as caught:
        parse_dirtree(array + _offset(len(array)))
    assert "overlap" in str(caught.value.__cause__)


HOSTILE_META = [
    (b"", "nothing"),
    (b"\0" * 11, "too short"),
    (serialize_dirmeta(0, 0, 0o755) + b"\0", "an empty element of an array"),
    (
        glib_dirmeta(0, 0, stat.S_IFREG | 0o644),
        "a file's mode",
    ),
    (glib_dirmeta(0, 0, 0o755), "no type"),
    (
        glib_dirmeta(0, 0, 0x10000 | stat.S_IFDIR),
        "stray bits",
    ),
    (
        glib_dirmeta(0, 0, stat.S_IFDIR, [(b"x", b"")]),
        "no NUL",
    ),
]


@pytest.mark.parametrize(("data", "why"), HOSTILE_META, ids=[why for _, why in HOSTILE_META])
def test_a_hostile_dirmeta_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(UnsafeArchive):
        parse_dirmeta(data)
    assert why


@given(st.binary(max_size=200))
def test_no_bytes_make_the_parsers_fail_otherwise(data: bytes) -> None:
    for parse in (parse_dirtree, parse_dirmeta):
        try:
            parse(data)
        except UnsafeArchive:
            continue
