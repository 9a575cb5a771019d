# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""writer.py against libostree's own writer: the same objects, in name, bytes, attributes and time."""

import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appctld.workers.store.ostree import writer as module
from appctld.workers.store.ostree.commit import Commit, serialize_commit
from appctld.workers.store.ostree.kinds import Kind
from appctld.workers.store.ostree.objects import FileHead, regular, symlink
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.ostree.tree import DirTree, serialize_dirmeta, serialize_dirtree
from support.repositories.oracle_writer import libostree_writer, stored

owners = st.integers(0, 2**32 - 2)
modes = st.integers(0, 0o7777)
xattrs = st.dictionaries(
    st.from_regex(rb"(user|security|trusted)\.[a-z.]{1,20}", fullmatch=True),
    st.binary(max_size=300),
    max_size=3,
).map(lambda found: sorted(found.items()))
targets = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=400)
files = st.tuples(st.builds(regular, owners, owners, modes, xattrs), st.binary(max_size=3000))
links = st.tuples(st.builds(symlink, owners, owners, targets, xattrs), st.just(b""))
checksums = st.binary(min_size=32, max_size=32).map(bytes.hex)
names = st.text("abcdefgh.-é", min_size=1, max_size=12).filter(lambda name: name not in {".", ".."})
trees = st.dictionaries(names, checksums, max_size=5).map(DirTree)
metadata = st.one_of(
    st.tuples(st.just(Kind.DIRTREE), trees.map(serialize_dirtree)),
    st.tuples(st.just(Kind.DIRMETA), st.builds(serialize_dirmeta, owners, owners, modes, xattrs)),
    st.tuples(st.just(Kind.COMMIT), st.builds(Commit, checksums, checksums).map(serialize_commit)),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(files | links, min_size=1, max_size=6),
    st.lists(metadata, max_size=4),
    st.sampled_from([0, 100, 1 << 20]),
)
def test_our_objects_are_libostrees(
    contents: list[tuple[FileHead, bytes]], others: list[tuple[Kind, bytes]], small: int
) -> None:
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "SMALL_FILE", small)
        ours, theirs = Path(directory, "ours"), Path(directory, "theirs")
        repository = Repository.open(ours)
        with libostree_writer(theirs) as oracle, repository.shared(), repository.transaction() as writer:
            for head, content in contents:
                assert writer.file(head, len(content), [content]) == oracle.file(head, content)
            for kind, data in others:
                assert writer.raw(kind, data) == oracle.raw(kind, data)
        assert stored(ours) == stored(theirs)
        modes_on_disk = {path.stat().st_mode for path in ours.glob("objects/??/*")}
        assert modes_on_disk <= {stat.S_IFREG | 0o444, stat.S_IFREG | 0o555}


def test_the_oracle_sees_a_difference(tmp_path: Path) -> None:
    with libostree_writer(tmp_path / "one") as one, libostree_writer(tmp_path / "other") as other:
        one.file(regular(0, 0, 0o644), b"x")
        other.file(regular(0, 0, 0o600), b"x")
    assert stored(tmp_path / "one") != stored(tmp_path / "other")
