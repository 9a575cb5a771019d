# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""How far updates go, and how the last went, on the disk."""

from pathlib import Path

import pytest

from appctld.errors import RepoCorrupt
from appctld.model.automatic import DEFAULT, Extent, Why
from appctld.state.automatic import LastAutomatic, choose, chosen, last_automatic, remember_automatic
from appctld.state.paths import Paths

BROKEN = [b"", b"{", b"[]", b'{"extent": "much"}', b'{"extent": 1}', b'{"extent": "check"}' + b" " * 5000]


def test_what_was_chosen_is_read_back(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    assert chosen(paths) is DEFAULT
    for extent in Extent:
        choose(paths, extent)
        assert chosen(paths) is extent


@pytest.mark.parametrize("content", BROKEN)
def test_what_cannot_be_read_is_no_default(tmp_path: Path, content: bytes) -> None:
    paths = Paths(tmp_path)
    paths.automatic.write_bytes(content)
    with pytest.raises(RepoCorrupt) as caught:
        chosen(paths)
    assert caught.value.data["path"] == str(paths.automatic)


def test_how_the_last_one_went_is_read_back(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    assert last_automatic(paths) == LastAutomatic()
    last = LastAutomatic(5, Extent.CHECK, (Why.METERED, Why.POLICY), 4, 5, "Offline")
    remember_automatic(paths, last)
    assert last_automatic(paths) == last


@pytest.mark.parametrize("content", [*BROKEN, b'{"time": 1, "extent": "check", "because": ["x"]}'])
def test_what_cannot_be_read_of_the_last_one_is_none(tmp_path: Path, content: bytes) -> None:
    paths = Paths(tmp_path)
    paths.last_automatic.write_bytes(content)
    assert last_automatic(paths) == LastAutomatic()
