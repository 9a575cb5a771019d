# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""layertree.py: packed directories are the same directories; what a layer becomes is in test_layer.py."""

import hashlib
import tracemalloc
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appctld.errors import AppctlError, UnsafeArchive
from appctld.workers.store.archive import layertree
from appctld.workers.store.archive.entry import Entry, Type
from appctld.workers.store.archive.layertree import LayerTree
from appctld.workers.store.ostree.tree import DirTree, Xattrs


def digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()


class Names:
    """A writer that stores nothing."""

    def tree(self, tree: DirTree) -> str:
        return digest((sorted(tree.files.items()), sorted(tree.dirs.items())))

    def meta(self, uid: int, gid: int, mode: int, xattrs: Xattrs = ()) -> str:
        return digest((uid, gid, mode, xattrs))


class Contents:
    """What stands for them in their order, as in ostree/contents.py."""

    def __init__(self) -> None:
        self.checksums = bytearray()

    def add(self, checksum: bytes) -> int:
        self.checksums += checksum
        return len(self.checksums) // 32 - 1

    def checksum(self, number: int) -> bytes:
        return bytes(self.checksums[32 * number : 32 * number + 32])


def put(tree: LayerTree, entry: Entry, contents: Contents | None = None) -> None:
    if entry.type is Type.DIRECTORY:
        tree.add_directory(entry)
        return
    children = tree.place(entry)
    name = entry.path[-1]
    content = hashlib.sha256("/".join(entry.path).encode())
    if entry.type is Type.HARDLINK:
        children[name] = tree.linked(entry)
    elif entry.type is Type.SYMLINK:
        children[name] = tree.symlink(entry, content.hexdigest())
    else:
        children[name] = (contents or Contents()).add(content.digest()) if entry.type is Type.FILE else None


def made(entries: Iterable[Entry]) -> object:
    tree, contents = LayerTree(Names()), Contents()
    try:
        for entry in entries:
            put(tree, entry, contents)
        return tree.store(contents.checksum), tree.implicit()
    except AppctlError as error:
        return type(error), error.detail


PATHS = st.lists(st.sampled_from("abcd"), min_size=1, max_size=3).map(tuple)
ENTRIES = st.builds(
    Entry,
    st.sampled_from([Type.FILE] * 6 + [Type.DIRECTORY, Type.SYMLINK, Type.HARDLINK, Type.FIFO]),
    PATHS,
    target=st.sampled_from(["a", "b/c", "/d"]),
    link=PATHS,
)


@given(st.lists(ENTRIES, max_size=30, unique_by=lambda entry: entry.path))
def test_a_tree_is_the_same_packed_and_unpacked(entries: list[Entry]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        plain = made(entries)
        patch.setattr(layertree, "PACK_NODES", 0)
        patch.setattr(layertree, "PACKED_FILES", 1)
        assert made(entries) == plain


def test_a_name_that_is_packed_is_taken_and_can_be_linked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layertree, "PACK_NODES", 0)
    monkeypatch.setattr(layertree, "PACKED_FILES", 1)
    tree = LayerTree(Names())
    for path in (("d", "a"), ("d", "b"), ("other", "x")):
        put(tree, Entry(Type.FILE, path))
    put(tree, Entry(Type.HARDLINK, ("link",), link=("d", "a")))
    with pytest.raises(UnsafeArchive, match="twice"):
        put(tree, Entry(Type.FILE, ("d", "b")))
    with pytest.raises(UnsafeArchive, match="no directory"):
        put(tree, Entry(Type.FILE, ("d", "a", "below")))


def test_a_file_in_a_directory_that_was_left_costs_fifty_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layertree, "PACK_NODES", 0)
    tracemalloc.start()
    try:
        tree, contents = LayerTree(Names()), Contents()
        for number in range(20_000):
            put(tree, Entry(Type.FILE, (f"d{number // 100}", f"{number:010}")), contents)
        assert tracemalloc.get_traced_memory()[0] < 20_000 * 60
    finally:
        tracemalloc.stop()


def test_coming_back_for_each_file_does_not_pack_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tar that goes to and fro between two directories must not take quadratic time."""
    packed = list[int]()
    pack = layertree.Directory.pack

    def counted(self: layertree.Directory) -> None:
        before = self._names
        pack(self)
        packed.extend([1] * (self._names != before))

    monkeypatch.setattr(layertree, "PACK_NODES", 0)
    monkeypatch.setattr(layertree.Directory, "pack", counted)
    tree = LayerTree(Names())
    for number in range(2000):
        put(tree, Entry(Type.FILE, ("ab"[number % 2], f"{number}")))
    assert 2 <= len(packed) < 30
