# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""objects.py against libostree's own computation of a file's checksum."""

import stat

import gi
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from appctld.errors import UnsafeArchive
from appctld.workers.store.ostree.objects import (
    FileHead,
    check_published,
    checksum,
    disk_mode,
    regular,
    symlink,
)
from support.repositories.oracle_writer import of_bytes

gi.require_version("OSTree", "1.0")
from gi.repository import Gio, GLib, OSTree  # noqa: E402

owners = st.integers(0, 2**32 - 1)
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=300)
xattr_names = st.binary(min_size=1, max_size=20).filter(lambda name: b"\0" not in name)
xattrs = st.dictionaries(xattr_names, st.binary(max_size=300), max_size=4).map(lambda d: list(d.items()))


def theirs(head: FileHead, content: bytes = b"") -> str:
    info = Gio.FileInfo()
    info.set_attribute_uint32("unix::uid", head.uid)
    info.set_attribute_uint32("unix::gid", head.gid)
    info.set_attribute_uint32("unix::mode", head.mode)
    info.set_size(len(content))
    stream: Gio.InputStream | None = None
    if stat.S_ISLNK(head.mode):
        info.set_file_type(Gio.FileType.SYMBOLIC_LINK)
        info.set_symlink_target(head.target)
    else:
        info.set_file_type(Gio.FileType.REGULAR)
        stream = Gio.MemoryInputStream.new_from_bytes(GLib.Bytes.new(content))
    pairs = GLib.VariantBuilder.new(GLib.VariantType.new("a(ayay)"))
    for name, value in sorted(head.xattrs):
        pairs.add_value(GLib.Variant.new_tuple(of_bytes(name + b"\0"), of_bytes(value)))
    _, found = OSTree.checksum_file_from_input(info, pairs.end(), stream, OSTree.ObjectType.FILE, None)
    return bytes(found).hex()


@given(owners, owners, st.integers(0, 0o7777), xattrs, st.binary(max_size=100))
def test_a_file_has_the_name_that_libostree_gives_it(
    uid: int, gid: int, mode: int, pairs: list[tuple[bytes, bytes]], content: bytes
) -> None:
    head = regular(uid, gid, mode, pairs)
    assert checksum(head, [content[:7], content[7:]]) == theirs(head, content)


@given(owners, owners, texts, xattrs)
@example(0, 0, "x" * 4095, [])
def test_a_symlink_has_the_name_that_libostree_gives_it(
    uid: int, gid: int, target: str, pairs: list[tuple[bytes, bytes]]
) -> None:
    head = symlink(uid, gid, target, pairs)
    assert checksum(head) == theirs(head)


@pytest.mark.parametrize("length", [*range(215, 245), 65480, *range(65500, 65530)])
def test_offsets_widen_where_libostree_widens_them(length: int) -> None:
    for head in (symlink(0, 0, "t" * length), regular(0, 0, 0o644, [(b"user.a", b"v" * length)])):
        assert checksum(head) == theirs(head)


def test_the_order_in_which_xattrs_came_means_nothing() -> None:
    pairs = [(b"user.b", b"1"), (b"user.a", b"2")]
    assert checksum(regular(0, 0, 0o644, pairs)) == checksum(regular(0, 0, 0o644, pairs[::-1]))
    assert checksum(symlink(0, 0, "t", pairs)) == checksum(symlink(0, 0, "t", pairs[::-1]))


B_BEFORE_A = [(b"user.b", b"1"), (b"user.a", b"2")]


def test_a_files_xattrs_are_in_order_and_a_directorys_need_not_be() -> None:
    """The ones are hashed in order by libostree from 2024.10, the others as they are kept."""
    check_published("f", stat.S_IFREG | 0o644, sorted(B_BEFORE_A), strict=True)
    check_published("d", stat.S_IFDIR | 0o755, B_BEFORE_A, strict=True)
    for kind in (stat.S_IFREG, stat.S_IFLNK):
        with pytest.raises(UnsafeArchive, match="order"):
            check_published("f", kind | 0o644, B_BEFORE_A, strict=False)


@pytest.mark.parametrize(
    ("mode", "on_disk"),
    [
        (stat.S_IFREG | 0o600, 0o444),
        (stat.S_IFREG | 0o666, 0o444),
        (stat.S_IFREG, 0o444),
        (stat.S_IFREG | 0o6644, 0o444),
        (stat.S_IFREG | 0o4755, 0o555),
        (stat.S_IFREG | 0o001, 0o555),
        (stat.S_IFREG | 0o100, 0o555),
        (stat.S_IFLNK | 0o777, 0o444),
    ],
)
def test_on_disk_a_file_can_be_read_by_all_and_written_by_none(mode: int, on_disk: int) -> None:
    assert disk_mode(mode) == on_disk
    assert FileHead(0, 0, mode).disk_mode == on_disk
