# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""assembling.py: a commit that is not whole, or too large."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from appctld.errors import DigestMismatch, Failed, LimitExceeded, UnsafeArchive
from appctld.workers.store import walk
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.ostree_ext.assembling import assemble
from appctld.workers.store.ostree_ext.reading import Layer
from support.layers.ostree_layers import File, Part, Published, Tree, obj
from support.repositories.ostree_lies import FILE_AT, LINK_AT, MADE, META_AT, OTHER, TREE_AT, less, more
from support.repositories.ostree_store import refused, send_commit, tar_of

MISMATCHES = {
    "a missing dirtree": less(TREE_AT),
    "a missing dirmeta": less(META_AT),
    "a missing file": less(LINK_AT, FILE_AT, "x/suid"),
}


@pytest.mark.parametrize("parts", MISMATCHES.values(), ids=MISMATCHES)
def test_a_missing_object_is_refused(repo: Path, parts: list[Part]) -> None:
    refused(repo, DigestMismatch, lambda: send_commit(repo, tar_of(parts), MADE.commit))


UNSAFE = {
    "an unneeded dirtree": (
        "does not need",
        more(obj(OTHER.root, "dirtree", OTHER.metadata["dirtree"][OTHER.root])),
    ),
    "an unneeded file": ("does not need", more(*OTHER.chunk(*OTHER.files, version="inline"))),
}


@pytest.mark.parametrize(("words", "parts"), UNSAFE.values(), ids=UNSAFE)
def test_what_the_commit_does_not_need_is_refused(repo: Path, words: str, parts: list[Part]) -> None:
    error = refused(repo, UnsafeArchive, lambda: send_commit(repo, tar_of(parts), MADE.commit))
    assert words in error.message


def test_a_few_objects_that_make_a_large_tree_are_refused(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many: Tree = {"f": File(b"x")}
    for _ in range(5):
        many = {"a": many, "b": many}
    made = Published(many)
    monkeypatch.setattr(walk, "NAMES", 93)
    refused(repo, LimitExceeded, lambda: send_commit(repo, tar_of(made.layer()), made.commit))
    monkeypatch.setattr(walk, "NAMES", 94)
    send_commit(repo, tar_of(made.layer()), made.commit)


def test_a_layer_of_files_makes_no_commit(repo: Path) -> None:
    repository = Repository.open(repo)
    with repository.shared(), repository.transaction() as writer:
        layer = Layer(Nothing(), writer, None, strict=False)
        with pytest.raises(Failed):
            assemble(layer, (), writer)


class Nothing:
    """A tar that nobody reads."""

    left = 0

    def read(self, _size: int) -> bytes:
        return b""

    def some(self, _size: int) -> memoryview:
        return memoryview(b"")

    def rest(self) -> Iterator[memoryview]:
        return iter(())
