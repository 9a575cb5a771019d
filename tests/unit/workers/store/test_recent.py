# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""recent.py: a deployment reads no directory that the merge before it read or made, and only then."""

from pathlib import Path

import pytest

from appctld.errors import RepoCorrupt
from appctld.workers.store.merge import merge
from support.layers.layers import commit_layer
from support.repositories.store_state import State

LINES = ("usr/bin/run 0755 = 1", "etc/conf = 2")


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path)


def damage_every_dirtree(state: State) -> None:
    for path in state.repo.glob("objects/??/*.dirtree"):
        path.chmod(0o644)
        path.write_bytes(b"")


def test_what_was_merged_is_deployed_without_being_read_again(state: State) -> None:
    below = commit_layer(state.repo, LINES)
    above = commit_layer(state.repo, ["usr/bin/other = 3", "usr/bin/.wh.run"])
    commit = str(state.call(merge, layers=[below, above], metadata={}, timestamp=0)["commit"])
    damage_every_dirtree(state)
    files = state.deploy(commit)
    found = {str(path.relative_to(files)): path.read_text() for path in files.rglob("*") if path.is_file()}
    assert found == {"usr/bin/other": "3", "etc/conf": "2"}


def test_it_is_known_for_one_deployment(state: State) -> None:
    commit = state.merge(*LINES)
    state.deploy(commit)
    damage_every_dirtree(state)
    with pytest.raises(RepoCorrupt):
        state.deploy(commit, 1)


def test_of_what_was_merged_before_nothing_is_known(state: State) -> None:
    before = state.merge(*LINES)
    state.merge("other = x")
    damage_every_dirtree(state)
    with pytest.raises(RepoCorrupt):
        state.deploy(before)


def test_of_another_commit_nothing_is_known(state: State) -> None:
    """Each of its directories is known by its checksum, and yet it is read."""
    first = state.merge(*LINES)
    layer = commit_layer(state.repo, LINES)
    state.deploy(first)
    state.call(merge, layers=[layer], metadata={"appctl.remote": "acme"}, timestamp=1)
    damage_every_dirtree(state)
    with pytest.raises(RepoCorrupt):
        state.deploy(first, 1)


def test_the_commit_itself_is_read_again(state: State) -> None:
    commit = state.merge(*LINES)
    (state.repo / "objects" / commit[:2] / f"{commit[2:]}.commit").unlink()
    with pytest.raises(RepoCorrupt):
        state.deploy(commit)
