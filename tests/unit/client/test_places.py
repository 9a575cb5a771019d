# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Where the caller's things are, as an environment says that may be somebody else's."""

import json
import os
from pathlib import Path

import pytest

from appctl.__main__ import main
from appctl.places import Places


def test_a_runtime_directory_that_is_another_users_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As su(1) leaves it in the environment: it cannot be entered, and everything else goes on without."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert Places.of_caller().runtime == tmp_path
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert Places.of_caller().runtime is None
    tmp_path.chmod(0)
    assert main(["ps", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.parametrize("named", ["", "run", "/nowhere/at/all"])
def test_a_runtime_directory_that_is_none_does_not_count(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", named)
    assert Places.of_caller().runtime is None


def test_a_caller_without_a_home_is_told_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nobody(_uid: int) -> None:
        raise KeyError

    monkeypatch.setenv("HOME", "")
    monkeypatch.setattr("appctl.places.pwd.getpwuid", nobody)
    assert main(["ps", "--json"]) == 64
    assert json.loads(capsys.readouterr().out)["error"]["name"] == "Usage"
