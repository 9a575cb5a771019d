# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Doctor finds a policy that keeps the daemon from installing anything."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from appctl.actions.doctor import policy
from appctl.actions.doctor.finding import Level
from appctl.context import Context
from appctld.config.policy.files import KEYS, load_policy
from appctld.errors import PolicyDenied

NOBODY = cast("Context", None)  # it is not asked


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(policy, "SYSTEM_CONFIG", tmp_path)
    return tmp_path / "policy.d"


def test_no_policy_and_one_that_can_be_read_are_well(directory: Path) -> None:
    assert [found.level for found in policy.policy(NOBODY)] == [Level.OK]
    directory.mkdir()
    (directory / "10-site.conf").write_text("[policy]\nuser-scope = no\n")
    (directory / ".10-site.conf").write_text("rubbish")
    (directory / "README").write_text("rubbish")
    (found,) = policy.policy(NOBODY)
    assert (found.level, found.message) == (Level.OK, f"1 files in {directory}")


@pytest.mark.parametrize(
    "text", ["", "[remote]\n", "[policy]\nfuture = yes\n", "user-scope = no\n", "[policy"]
)
def test_what_the_daemon_cannot_read_is_found(directory: Path, text: str) -> None:
    directory.mkdir()
    (directory / "10-site.conf").write_text(text)
    (found,) = policy.policy(NOBODY)
    assert (found.level, found.check) == (Level.PROBLEM, "policy")
    assert str(directory / "10-site.conf") in found.message
    with pytest.raises(PolicyDenied):
        load_policy(directory, "system")


def test_a_file_that_may_not_be_read_is_found(directory: Path) -> None:
    directory.mkdir()
    (directory / "10-site.conf").mkdir()
    (found,) = policy.policy(NOBODY)
    assert found.level is Level.PROBLEM


@pytest.mark.parametrize(
    "make", [lambda path: path.symlink_to("gone"), Path.touch], ids=["a link that leads nowhere", "a file"]
)
def test_a_directory_that_is_none_is_found(directory: Path, make: Callable[[Path], None]) -> None:
    make(directory)
    (found,) = policy.policy(NOBODY)
    assert found.level is Level.PROBLEM
    assert str(directory) in found.message
    with pytest.raises(PolicyDenied):
        load_policy(directory, "system")


def test_its_keys_are_the_daemons() -> None:
    assert policy.KEYS == KEYS
