# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Who is killed at any step leaves the names of one version, or what the next start makes so (R10, R11)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.repositories.exported import COMMAND, ENTRY, EXTRA, ONE, SERVICE, TWO, links, shown
from support.repositories.killed import Killer
from support.repositories.store_state import APP, State, ref

STEPS = [f"os:{name}" for name in ("mkdir", "rename", "symlink", "unlink", "rmdir", "utime")]


@pytest.fixture
def state(tmp_path: Path) -> State:
    made = State(tmp_path)
    made.desktop = {"command": COMMAND, "host": [str(tmp_path / "host")]}
    return made


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    """Kills before one of the calls that change names."""
    with Killer(STEPS) as running:
        yield running


def after_each_kill(killer: Killer, state: State, operation: str, **request: object) -> Iterator[set[str]]:
    """Do it again and again, killed one step later each time; the links after each start that follows."""
    step = 0
    while True:
        step += 1
        killed = killer.kills(step, operation, state.whole(request))
        assert all(APP in (state.exports / "share" / path).read_text() for path in shown(state))
        state.recover(*state.refs())
        assert links(state) == shown(state)
        assert not list(state.exports.rglob(".staging-*"))
        yield links(state)
        if not killed:
            return


def test_a_kill_at_any_step_of_an_update_leaves_the_names_of_one_version(
    killer: Killer, state: State
) -> None:
    one, two = state.merge(*ONE), state.merge(*TWO)
    state.deploy(one)
    kills = 0
    for found in after_each_kill(killer, state, "deploy", **state.request(two)):
        kills += 1
        done = state.current == f"{two[:12]}.0"
        assert found == ({ENTRY, EXTRA} if done else {ENTRY, SERVICE})
        if done:  # again from the start
            state.activate(one)
            state.remove([f"{two[:12]}.0"], [ref(two)])
    assert kills > 20
    state.fsck()


def test_a_kill_at_any_step_of_a_rollback_leaves_the_names_of_one_version(
    killer: Killer, state: State
) -> None:
    one, two = state.merge(*ONE), state.merge(*TWO)
    state.deploy(one)
    state.deploy(two)
    kills = 0
    for found in after_each_kill(killer, state, "activate", commit=one, deployment=f"{one[:12]}.0"):
        kills += 1
        done = state.current == f"{one[:12]}.0"
        assert found == ({ENTRY, SERVICE} if done else {ENTRY, EXTRA})
        state.activate(two)
    assert kills > 5


def test_a_kill_at_any_step_of_an_uninstall_leaves_all_names_or_none(killer: Killer, state: State) -> None:
    one = state.merge(*ONE)
    state.deploy(one)
    kills = 0
    for found in after_each_kill(killer, state, "remove", deployments=None, refs=[ref(one)]):
        kills += 1
        assert found == ({ENTRY, SERVICE} if state.current else set())
        if not state.current:
            state.remove(None, [ref(one)])
            state.deploy(one)
    assert kills > 5


def test_a_kill_at_any_step_of_a_start_that_writes_exports_again_leaves_nothing_of_it(
    killer: Killer, state: State
) -> None:
    one = state.merge(*ONE)
    state.deploy(one)
    kills = 0
    for found in after_each_kill(killer, state, "recover", keep_refs=[ref(one)], keep_all=False):
        kills += 1
        assert found == {ENTRY, SERVICE}
        assert not list(state.apps.rglob(".staging-*"))
        state.desktop = state.desktop | {"command": [f"/opt/{kills}", "--user", "run"]}
    assert kills > 5
