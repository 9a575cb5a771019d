# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""How apps are started from a desktop: by a command that is there, which says the scope."""

import sys
from pathlib import Path

import pytest

from appctld import scope
from appctld.scope import command_path, system_scope, user_scope
from appctld.system.child import PLAIN


@pytest.fixture
def prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment with our command in it, and nothing of it in the places of installed ones."""
    (tmp_path / "venv/bin").mkdir(parents=True)
    (tmp_path / "venv/bin/appctl").touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    monkeypatch.setattr(scope, "COMMANDS", (tmp_path / "usr/bin/appctl", tmp_path / "local/bin/appctl"))
    return tmp_path


def test_in_a_checkout_it_is_the_environments_own(prefix: Path) -> None:
    assert command_path() == prefix / "venv/bin/appctl"


@pytest.mark.parametrize("place", ["usr/bin", "local/bin"])
def test_an_installed_one_is_called_as_users_call_it(place: str, prefix: Path) -> None:
    (prefix / place).mkdir(parents=True)
    (prefix / place / "appctl").symlink_to(prefix / "venv/bin/appctl")
    assert command_path() == prefix / place / "appctl"


def test_another_program_of_that_name_is_not_taken(prefix: Path) -> None:
    (prefix / "usr/bin").mkdir(parents=True)
    (prefix / "usr/bin/appctl").touch()
    assert command_path() == prefix / "venv/bin/appctl"


def test_without_an_environment_it_is_the_distributions(prefix: Path) -> None:
    (prefix / "venv/bin/appctl").unlink()
    assert command_path() == prefix / "usr/bin/appctl"


def _igzip(directory: Path) -> str:
    directory.mkdir()
    (directory / "igzip").touch(0o755)
    return str(directory)


def test_layers_are_inflated_by_igzip_where_workers_find_it_and_else_by_gzip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", _igzip(tmp_path / "of-the-user"))  # which no worker looks at
    monkeypatch.setitem(PLAIN, "PATH", str(tmp_path / "empty"))
    assert user_scope({}).gunzip == system_scope().gunzip == "gzip"
    monkeypatch.setitem(PLAIN, "PATH", _igzip(tmp_path / "of-workers"))
    assert user_scope({}).gunzip == system_scope().gunzip == "igzip"
    assert user_scope({}).tools().gunzip == "igzip"


def test_each_scope_says_which_it_is(tmp_path: Path) -> None:
    of_the_machine, of_the_user = system_scope(), user_scope({"HOME": str(tmp_path)})
    assert of_the_machine.desktop.command[1:] == ("--system", "run")
    assert of_the_user.desktop.command[1:] == ("--user", "run")
    assert Path(of_the_user.desktop.command[0]).is_absolute()
