# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A commit's tree, laid out, and what no image can hold."""

from pathlib import Path

import pytest

from appctld.errors import LimitExceeded, UnsafeArchive
from appctld.workers.export.publish import tree as module
from appctld.workers.export.publish.source.source import Source, open_source
from appctld.workers.export.publish.tree import read_tree
from support.workers.publishing import directory


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """Three directories below each other and the root, two files of one content, and another."""
    root = tmp_path / "root"
    (root / "b/c").mkdir(parents=True)
    (root / "a").mkdir()
    for path in ("z", "b/c/a", "b-"):
        (root / path).write_bytes(b"1" if path != "b-" else b"2")
    return open_source(directory(root))


def test_directories_stand_before_what_is_in_them_and_all_in_the_order_of_their_bytes(source: Source) -> None:
    found = read_tree(source)
    assert [below.path for below in found.directories] == ["", "a", "b", "b/c"]
    assert list(found.files) == sorted(found.files)
    assert sorted(found.files.values()) == [["b-"], ["b/c/a", "z"]]
    assert set(found.paths) == {"b-", "b/c/a", "z"}


def test_a_tree_that_is_too_deep_is_refused(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DEPTH", 2)
    read_tree(source)
    monkeypatch.setattr(module, "DEPTH", 1)
    with pytest.raises(LimitExceeded, match="below each other"):
        read_tree(source)


def test_a_tree_of_too_many_names_is_refused(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NAMES", 6)
    read_tree(source)
    monkeypatch.setattr(module, "NAMES", 5)
    with pytest.raises(LimitExceeded, match="more than 5"):
        read_tree(source)


def test_a_path_that_is_too_long_is_refused_by_its_name(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATH_BYTES", 4)
    with pytest.raises(UnsafeArchive, match="path of more than 4 bytes: b/c/a"):
        read_tree(source)


@pytest.mark.parametrize("name", [".wh.x", ".wh..wh..opq", ".wh.", ".wh.x/"])
def test_a_name_that_means_in_an_image_that_something_is_gone_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "root/usr").mkdir(parents=True)
    if name.endswith("/"):
        (tmp_path / "root/usr" / name).mkdir()
    else:
        (tmp_path / "root/usr" / name).write_bytes(b"")
    with pytest.raises(UnsafeArchive, match=r"deleted: usr/\.wh"):
        read_tree(open_source(directory(tmp_path / "root")))
