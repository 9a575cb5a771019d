# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Commits and objects out of a real repository."""

import os
from pathlib import Path

import pytest

from appctld.errors import NotFound, RepoCorrupt
from appctld.workers.export.publish.source.objects import content
from appctld.workers.export.publish.source.repository import RepositoryObjects
from appctld.workers.store.ostree.kinds import Kind
from support.publishers.ostree_remote import REF, OstreeRemote

MODES = ["archive", "bare-user", "bare-user-only", "bare"]


@pytest.mark.parametrize("mode", MODES)
def test_a_large_file_comes_in_pieces_from_any_repository(tmp_path: Path, mode: str) -> None:
    remote = OstreeRemote(tmp_path, mode)
    remote.commit({"f": os.urandom(3 << 20)})
    (file,) = remote.objects("file*")
    name = file.parent.name + file.name.partition(".")[0]
    objects = RepositoryObjects.open(remote.path)
    pieces = list(content(name, objects.file(name)))
    assert (max(map(len, pieces)) <= 1 << 20, sum(map(len, pieces))) == (True, 3 << 20)


def test_a_ref_and_a_checksum_name_a_commit(tmp_path: Path) -> None:
    remote = OstreeRemote(tmp_path)
    name = remote.commit({"f": b""})
    objects = RepositoryObjects.open(remote.path)
    assert objects.resolve(REF) == objects.resolve(name) == name
    assert objects.detached(name) == b""


@pytest.mark.parametrize("rev", ["none", "../x", "", "a b", "f" * 63, "F" * 64, "nowhere:x"])
def test_what_names_no_commit_is_not_found(tmp_path: Path, rev: str) -> None:
    remote = OstreeRemote(tmp_path)
    with pytest.raises(NotFound, match="no ref and no commit"):
        RepositoryObjects.open(remote.path).resolve(rev)


def test_nothing_is_made_where_no_repository_is(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(NotFound, match="no repository"):
            RepositoryObjects.open(path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_says_so_and_what_to_do(tmp_path: Path) -> None:
    objects = RepositoryObjects.open(OstreeRemote(tmp_path).path)
    for kind in (Kind.COMMIT, Kind.DIRTREE, Kind.DIRMETA):
        with pytest.raises(RepoCorrupt) as caught:
            objects.metadata(kind, "0" * 64)
        assert "ostree fsck" in caught.value.advice
    with pytest.raises(RepoCorrupt):
        objects.file("0" * 64)
