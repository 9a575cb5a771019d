# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""layout.py: names and types that the format does not have."""

from pathlib import Path

import pytest

from appctld.errors import UnsafeArchive
from appctld.workers.store.ostree_ext import layout
from support.layers.ostree_layers import REPO, Part, changed, loose, obj
from support.repositories.ostree_lies import (
    FILE_AT,
    LAYER,
    LINK_AT,
    MADE,
    NOTHING,
    TREE_AT,
    WITH,
    at,
    inside,
    instead,
    link,
    more,
    suid,
)
from support.repositories.ostree_store import refused, send_commit, tar_of

UNSAFE = {
    "xattrs that are a file": ("belongs", instead(LINK_AT, link(f"{REPO}/{FILE_AT}"))),
    "xattrs from elsewhere": ("belongs", instead(LINK_AT, link(f"x/{loose(NOTHING, 'file-xattrs')}"))),
    "a short name": ("no file of an OSTree", more(inside(f"objects/00/{'0' * 61}.file"))),
    "a long name": ("no file of an OSTree", more(inside(f"objects/00/{'0' * 63}.file"))),
    "a name in capitals": ("no file of an OSTree", more(inside(f"objects/00/{'A' * 62}.file"))),
    "a shard in capitals": ("no file of an OSTree", more(inside(f"objects/AA/{'0' * 62}.file"))),
    "another kind": ("no file of an OSTree", more(inside(f"objects/00/{'0' * 62}.payload-link"))),
    "another directory": ("no directory of an OSTree", [inside("objects/000", b"5"), *LAYER]),
    "a tombstone": ("no file of an OSTree", more(inside(f"objects/00/{'0' * 62}.tombstone-commit"))),
    "an object out of place": ("no file of an OSTree", more(inside(f"objects/00/x/{'0' * 62}.file"))),
    "shared xattrs of no name": ("no file of an OSTree", more(inside(f"xattrs/{'0' * 63}"))),
    "a ref": ("no file of an OSTree", [inside("refs/heads/x", content=b"x"), *LAYER]),
    "a dirtree as a symlink": (
        "no symlink of an OSTree",
        instead(TREE_AT, obj(MADE.root, "dirtree", kind=b"2", link=b"x")),
    ),
    "a directory as a file": ("no file of an OSTree", [inside("extensions"), *LAYER]),
    "a file as a device": ("no character device", instead(FILE_AT, suid(b"", b"3"))),
    "a file as a link": ("no hard link", instead(FILE_AT, suid(b"", b"1", link=TREE_AT.encode()))),
    "content elsewhere": ("no object", more(at("usr/y", content=b"y"))),
    "a symlink elsewhere": ("no object", more(at("usr/y", b"2", to="y"))),
    "a device elsewhere": ("no object", more(at("dev/y", b"3"))),
    "a link elsewhere": ("belongs", more(at("usr/y", b"1", to="etc/passwd"))),
    "a link to a dirtree": ("belongs", more(at("usr/y", b"1", to=f"{REPO}/{TREE_AT}"))),
    "old xattrs that are no link": (
        "no file of an OSTree",
        changed(MADE.layer("old"), loose(WITH, "file.xattrs"), obj(WITH, "file.xattrs")),
    ),
}


@pytest.mark.parametrize(("words", "parts"), UNSAFE.values(), ids=UNSAFE)
def test_what_the_format_does_not_have_is_refused(repo: Path, words: str, parts: list[Part]) -> None:
    error = refused(repo, UnsafeArchive, lambda: send_commit(repo, tar_of(parts), MADE.commit))
    assert words in error.message


@pytest.mark.parametrize("part", layout.Part)
def test_the_metadata_of_a_tree_are_its_directories(part: layout.Part) -> None:
    assert part.metadata is (part in {layout.Part.DIRTREE, layout.Part.DIRMETA})
