# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""order.py: what stands where it does not belong, or twice, and nothing has changed."""

from pathlib import Path

import pytest

from appctld.errors import UnsafeArchive
from support.layers.ostree_layers import REPO, Part, loose, obj, skeleton
from support.repositories.ostree_lies import (
    COMMIT_AT,
    CONFIG,
    DETACHED_AT,
    FILE,
    FILE_AT,
    LAYER,
    LINK_AT,
    MADE,
    META_AT,
    NOTHING,
    OTHER,
    SUID,
    TREE_AT,
    at,
    inside,
    instead,
    less,
    link,
    more,
    swapped,
)
from support.repositories.ostree_store import refused, send, send_commit, tar_of

UNSAFE = {
    "another commit": ("of another commit", OTHER.layer()),
    "another's detached metadata": (
        "of another commit",
        instead(DETACHED_AT, obj(OTHER.commit, "commitmeta")),
    ),
    "no commit": ("before the commit", less(COMMIT_AT, DETACHED_AT)),
    "nothing": ("without the commit", skeleton()),
    "the commit later": ("before the commit", swapped(COMMIT_AT, TREE_AT)),
    "a file first": ("before the commit", [*skeleton(), *MADE.chunk(SUID, version="inline")]),
    "detached metadata first": ("before the commit", swapped(COMMIT_AT, DETACHED_AT)),
    "detached metadata later": ("not behind the commit", swapped(DETACHED_AT, TREE_AT)),
    "two commits": ("a second commit", more((COMMIT_AT, dict(LAYER)[COMMIT_AT]))),
    "a dirtree twice": ("twice", more((TREE_AT, dict(LAYER)[TREE_AT]))),
    "a dirmeta twice": ("twice", more((META_AT, dict(LAYER)[META_AT]))),
    "a file twice": ("twice", more(obj(SUID, "file-xattrs-link"), FILE)),
    "shared xattrs twice": ("twice", more(obj(NOTHING, "file-xattrs"))),
    "a directory twice": ("twice", [*skeleton()[2:3], *LAYER]),
    "the configuration twice": ("twice", instead("config", CONFIG, CONFIG)),
    "a late configuration": ("amid the objects", [*less("config"), CONFIG]),
    "a late directory": ("amid the objects", more(inside("extensions", b"5"))),
    "xattrs of another file": ("before", instead(LINK_AT, obj(OTHER.commit, "file-xattrs-link"))),
    "xattrs, and a directory": ("no such file", instead(FILE_AT, at("new", b"5"), FILE)),
    "xattrs, and a dirtree": ("no such file", instead(FILE_AT, obj(OTHER.root, "dirtree"), FILE)),
    "xattrs twice": ("no such file", instead(FILE_AT, obj(SUID, "file-xattrs-link"), FILE)),
    "xattrs at the end": ("no such file", more(obj(OTHER.commit, "file-xattrs-link"))),
    "no xattrs": ("do not stand before it", less(LINK_AT)),
    "two versions": (
        "two versions",
        instead(LINK_AT, link(f"{REPO}/{loose(NOTHING, 'file-xattrs')}", "file.xattrs")),
    ),
}


@pytest.mark.parametrize(("words", "parts"), UNSAFE.values(), ids=UNSAFE)
def test_what_is_not_in_its_place_is_refused(repo: Path, words: str, parts: list[Part]) -> None:
    error = refused(repo, UnsafeArchive, lambda: send_commit(repo, tar_of(parts), MADE.commit))
    assert words in error.message


@pytest.mark.parametrize("suffix", ["commit", "commitmeta", "dirtree", "dirmeta"])
def test_a_layer_of_files_with_metadata_is_refused(repo: Path, suffix: str) -> None:
    parts = [*MADE.files_layer(SUID), obj(MADE.root, suffix, MADE.metadata["dirtree"][MADE.root])]
    error = refused(repo, UnsafeArchive, lambda: send(repo, "import-objects", tar_of(parts)))
    assert "in a layer of files" in error.message


def test_a_layer_of_files_holds_each_once(repo: Path) -> None:
    parts = [*MADE.files_layer(SUID), obj(SUID, "file-xattrs-link"), FILE]
    error = refused(repo, UnsafeArchive, lambda: send(repo, "import-objects", tar_of(parts)))
    assert "twice" in error.message
