# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""commit.py: a commit object comes back as it went in, and libostree reads it."""

import subprocess
from pathlib import Path

import pytest
from gi.repository import GLib
from hypothesis import given
from hypothesis import strategies as st

from appctld.errors import RepoCorrupt
from appctld.workers.store.ostree.commit import Commit, Value, parse_commit, serialize_commit
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.ostree.tree import DirTree

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
sums = st.binary(min_size=32, max_size=32).map(bytes.hex)
values = texts | st.binary(max_size=300) | st.lists(texts, max_size=5)


@given(sums, sums, st.integers(0, 2**63), st.dictionaries(texts, values, max_size=5), texts)
def test_a_commit_comes_back(
    tree: str, meta: str, timestamp: int, metadata: dict[str, Value], subject: str
) -> None:
    commit = Commit(tree, meta, timestamp, metadata, subject)
    data = serialize_commit(commit)
    assert parse_commit(data) == commit
    assert serialize_commit(Commit(tree, meta, timestamp, dict(reversed(metadata.items())), subject)) == data


SUM = "a" * 64
NO_COMMITS = {
    "empty": b"",
    "garbage": b"\xff" * 100,
    "more than a commit": serialize_commit(Commit(SUM, SUM)) + b"\0\0",
    "a dirtree too short": serialize_commit(Commit(SUM[2:], SUM)),
    "a dirmeta too long": serialize_commit(Commit(SUM, SUM + "aa")),
}


@pytest.mark.parametrize("data", NO_COMMITS.values(), ids=NO_COMMITS)
def test_what_is_no_commit_is_corrupt(data: bytes) -> None:
    with pytest.raises(RepoCorrupt):
        parse_commit(data)


def with_parent(length: int) -> bytes:
    """A commit whose parent has so many bytes."""
    members: tuple[object, ...] = ({}, bytes(length), [], "", "", 0, bytes.fromhex(SUM), bytes.fromhex(SUM))
    return GLib.Variant("(a{sv}aya(say)sstayay)", members).get_data_as_bytes().get_data()


@pytest.mark.parametrize("length", [1, 5, 31, 33, 64])
def test_a_parent_that_is_no_checksum_is_corrupt(length: int) -> None:
    """With one in a repository `ostree fsck`, a prune and all that read it end there, whosever it is."""
    with pytest.raises(RepoCorrupt, match="parent"):
        parse_commit(with_parent(length))


@pytest.mark.parametrize("length", [0, 32])
def test_a_parent_is_a_checksum_or_none(length: int) -> None:
    assert parse_commit(with_parent(length)).tree == SUM


def test_libostree_shows_it(tmp_path: Path) -> None:
    repository = Repository.open(tmp_path)
    with repository.shared(), repository.transaction() as writer:
        tree, meta = writer.tree(DirTree()), writer.meta(0, 0, 0o755)
        name = writer.commit(Commit(tree, meta, 86400, {"a": "text", "b": b"\0\1", "c": ["x", ""]}))
    show = ["ostree", f"--repo={tmp_path}", "show", name]
    shown = subprocess.run([*show, "--raw"], check=True, capture_output=True, text=True).stdout
    assert "'a': <'text'>" in shown
    assert "'c': <['x', '']>" in shown
    dated = subprocess.run(show, check=True, capture_output=True, text=True).stdout
    assert "1970-01-02" in dated


@pytest.mark.parametrize(("value", "found"), [(["", "a"], {"", "a"}), ("a", set()), (b"a", set())])
def test_implicit_directories_are_a_list_or_none(value: Value, found: set[str]) -> None:
    assert Commit("a" * 64, "b" * 64, 0, {"appctl.implicit-dirs": value}).implicit_dirs == found
