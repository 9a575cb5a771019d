# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Doctor calls another program's repository what the daemon refuses as that, and nothing else."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from appctl.actions.doctor.finding import Level
from appctl.actions.doctor.space import state
from appctl.context import Context
from appctl.places import Places
from appctl.scope import Scope
from appctld.errors import RepoCorrupt
from appctld.workers.store.ostree.owner import is_to_be_made

CONFIGS = {  # and whether it is refused: without an object in the repository, and with one
    "ours": ("[core]\nmode=bare-user\nappctl-format=1\n", False, False),
    "a later one of ours": ("[core]\nmode=bare-user\nappctl-format=2\n", False, True),
    "of our mode": ("[core]\nmode=bare-user\n", False, True),
    "of another mode": ("[core]\nmode=bare-user-only\n", True, True),
    "of another mode, with our mark": ("[core]\nmode=archive\nappctl-format=1\n", True, True),
    "of no mode": ("[core]\nappctl-format=1\n", True, True),
    "empty": ("", True, True),
    "no configuration": ("nonsense\n", True, True),
    "none": (None, False, False),
}


def refused(repository: Path) -> bool:
    """What the daemon says."""
    try:
        is_to_be_made(repository)
    except RepoCorrupt:
        return True
    return False


def called_a_problem(places: Places) -> bool:
    """What doctor says."""
    (finding,) = state(cast("Context", SimpleNamespace(places=places, scope=Scope.USER)))
    return finding.level is Level.PROBLEM


@pytest.mark.parametrize("name", CONFIGS)
def test_what_the_daemon_refuses_as_anothers_is_a_problem_and_nothing_else(name: str, tmp_path: Path) -> None:
    config, without, with_one = CONFIGS[name]
    places = Places(tmp_path, tmp_path / "data", tmp_path / "config", None)
    repository = places.state(Scope.USER) / "repo"
    (repository / "objects").mkdir(parents=True)
    if config is not None:
        (repository / "config").write_text(config)
    assert (refused(repository), called_a_problem(places)) == (without, without)
    (repository / "objects/ab").mkdir()
    (repository / "objects/ab/cd.commit").touch()
    assert (refused(repository), called_a_problem(places)) == (with_one, with_one)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_configuration_that_only_others_may_read_is_not_judged(tmp_path: Path) -> None:
    places = Places(tmp_path, tmp_path / "data", tmp_path / "config", None)
    config = places.state(Scope.USER) / "repo/config"
    (config.parent / "objects/ab").mkdir(parents=True)
    (config.parent / "objects/ab/cd.commit").touch()
    config.write_text("[core]\nmode=archive\n")
    config.chmod(0)
    assert not called_a_problem(places)
