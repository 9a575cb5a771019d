# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Directory objects that no honest tool writes: their names are right, what they say is not (R12).

`FORMS` gives, by type of object and in words, bytes in which only that is wrong. libostree's own fsck takes
several of them, and its checkout writes outside of its directory for some.
"""

import stat
from collections.abc import Callable, Mapping, Sequence

import gi

from appctld.workers.store.ostree.commit import Commit, serialize_commit
from appctld.workers.store.ostree.tree import DirTree, serialize_dirmeta, serialize_dirtree

gi.require_version("OSTree", "1.0")
from gi.repository import GLib  # noqa: E402

Store = Callable[[str, bytes], str]


def _tree(files: Sequence[str], dirs: Sequence[str] = ()) -> Callable[["Parts"], bytes]:
    """A dirtree with these names, in this order."""

    def made(parts: "Parts") -> bytes:
        below = (bytes.fromhex(parts.tree), bytes.fromhex(parts.meta))
        members = ([(name, bytes.fromhex(parts.link)) for name in files], [(name, *below) for name in dirs])
        return _variant("(a(say)a(sayay))", members)

    return made


def _meta(mode: int) -> Callable[["Parts"], bytes]:
    return lambda _parts: _variant("(uuua(ayay))", (0, 0, int.from_bytes(mode.to_bytes(4, "little")), []))


def _variant(type_string: str, value: object) -> bytes:
    data: bytes = GLib.Variant(type_string, value).get_data_as_bytes().get_data()
    return data


class Parts:
    """Honest objects, stored, for dishonest ones to name: a file, an empty directory, its attributes."""

    def __init__(self, store: Store, link: str) -> None:
        self.link = link
        self.tree = store("dirtree", serialize_dirtree(DirTree()))
        self.meta = store("dirmeta", serialize_dirmeta(0, 0, 0o755))


FORMS: Mapping[str, Mapping[str, Callable[[Parts], bytes]]] = {
    "dirtree": {
        "one name as symlink and directory": _tree(["x"], ["x"]),
        "a name twice": _tree(["x", "x"]),
        "a directory twice": _tree([], ["x", "x"]),
        "unsorted": _tree(["y", "x"]),
        "its parent": _tree([".."]),
        "its parent as a directory": _tree([], [".."]),
        "itself": _tree([], ["."]),
        "no name": _tree([""]),
        "a path": _tree(["../../x"]),
        "an absolute path": _tree([], ["/x"]),
        "not UTF-8": lambda parts: _tree(["xy"])(parts).replace(b"xy", b"x\xff"),
        "bytes that belong to nothing": lambda parts: _tree(["x"])(parts) + b"\0",
    },
    "dirmeta": {
        "a file's mode": _meta(stat.S_IFREG | 0o644),
        "a symlink's mode": _meta(stat.S_IFLNK | 0o777),
        "no type": _meta(0o755),
        "bits of nothing": _meta(1 << 20 | stat.S_IFDIR | 0o755),
        "bytes that belong to nothing": lambda _parts: serialize_dirmeta(0, 0, 0o755) + b"\0",
    },
}


def commit_with(about: str, form: str, store: Store, link: str) -> str:
    """Store a commit whose directory `d` has that form; `link` is a symlink's object. The commit's name."""
    parts = Parts(store, link)
    bad = store(about, FORMS[about][form](parts))
    below = (bad, parts.meta) if about == "dirtree" else (parts.tree, bad)
    root = store("dirtree", serialize_dirtree(DirTree({}, {"d": below})))
    return store("commit", serialize_commit(Commit(root, parts.meta)))
