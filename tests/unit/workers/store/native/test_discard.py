# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""discard.py: a quarantine goes, whatever somebody put into it, and nothing else does."""

import os
from pathlib import Path

import pytest

from appctld.errors import Failed
from appctld.workers.store.native.discard import discard
from support.repositories.store_state import State

NAME = "0123456789abcdef"


@pytest.fixture
def state(tmp_path: Path) -> State:
    state = State(tmp_path / "state")
    (state.quarantine / NAME / "objects/00").mkdir(parents=True)
    (state.quarantine / NAME / "objects/00/x.file").write_text("x")
    return state


def fill(quarantine: Path, outside: Path) -> None:
    """All that a worker can make in its directory."""
    outside.mkdir()
    (outside / "kept").write_text("x")
    (quarantine / "objects/01").symlink_to(outside)
    (quarantine / "dangling").symlink_to("nowhere")
    os.mkfifo(quarantine / "fifo")
    (quarantine / "sealed/below").mkdir(parents=True)
    (quarantine / "sealed/below/f").write_text("x")
    (quarantine / "sealed/below").chmod(0)
    (quarantine / "sealed").chmod(0)
    (quarantine / os.fsdecode(b"\xff\xfe")).mkdir()


def dig(place: Path, depth: int) -> None:
    """Directories below each other, far beyond any path's length."""
    here = os.open(place, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)


def test_whatever_is_in_it_goes_and_what_it_points_to_stays(state: State, tmp_path: Path) -> None:
    fill(state.quarantine / NAME, tmp_path / "outside")
    (state.quarantine / NAME).chmod(0)
    assert state.call(discard, quarantine=str(state.quarantine / NAME)) == {}
    assert list(state.quarantine.iterdir()) == []
    assert (tmp_path / "outside/kept").exists()


def test_a_tree_of_any_depth_goes(state: State) -> None:
    dig(state.quarantine / NAME, 3000)
    state.call(discard, quarantine=str(state.quarantine / NAME))
    assert list(state.quarantine.iterdir()) == []


def test_only_the_one_that_is_named_goes(state: State) -> None:
    (state.quarantine / "fedcba98").mkdir()
    for _ in range(2):
        state.call(discard, quarantine=str(state.quarantine / NAME))
    assert [path.name for path in state.quarantine.iterdir()] == ["fedcba98"]


@pytest.mark.parametrize("name", ["..", "x", "repo", "ABCDEF0123", "0123456", "a" * 65])
def test_what_is_no_quarantine_is_not_discarded(state: State, name: str) -> None:
    with pytest.raises(Failed):
        state.call(discard, quarantine=str(state.quarantine / name))
    assert (state.quarantine / NAME / "objects/00/x.file").exists()


def test_a_symlink_goes_and_not_what_it_points_to(state: State, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/kept").write_text("x")
    (state.quarantine / "fedcba98").symlink_to(tmp_path / "outside")
    state.call(discard, quarantine=str(state.quarantine / "fedcba98"))
    assert not (state.quarantine / "fedcba98").is_symlink()
    assert (tmp_path / "outside/kept").exists()


def test_a_start_clears_every_quarantine(state: State, tmp_path: Path) -> None:
    fill(state.quarantine / NAME, tmp_path / "outside")
    dig(state.quarantine / NAME, 1200)
    (state.quarantine / "linked").symlink_to(tmp_path / "outside")
    (state.quarantine / ".staging-0123").mkdir()
    (state.quarantine / "file").write_text("x")
    state.recover()
    assert list(state.quarantine.iterdir()) == []
    assert (tmp_path / "outside/kept").exists()
