# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl remote refresh`: what there is, and what could not be looked at."""

from typing import Any

import pytest

from appctl.__main__ import main
from support.buses.fake_installer import FakeInstaller, Script

NEWER: dict[str, Any] = {
    "id": "org.acme.Viewer", "remote": "acme", "version": "2.0", "update-version": "2.1",
    "update-size": 1_000_000,
}  # fmt: skip
GONE: dict[str, Any] = {
    "id": "org.acme.Old",
    "remote": "acme",
    "version": "1",
    "error": "NotFound",
    "message": "no such tag",
}


def refreshed(daemon: FakeInstaller, *updates: dict[str, Any]) -> None:
    result = {"remotes": [{"name": "acme", "last-refreshed": 5}], "updates": list(updates)}
    daemon.scripts["Refresh"] = [Script({"State": "succeeded", "Result": result})]


def test_an_app_that_could_not_be_checked_hides_no_other(
    daemon: FakeInstaller, capsys: pytest.CaptureFixture[str]
) -> None:
    refreshed(daemon, GONE, NEWER)
    assert main(["remote", "refresh", "acme"]) == 3
    out, err = capsys.readouterr()
    assert out == "acme: org.acme.Viewer 2.0 -> 2.1 (1 MB)\n"
    assert err.startswith("error: org.acme.Old could not be checked: no such tag\n")


def test_where_nothing_is_newer_that_is_said_of_what_was_checked(
    daemon: FakeInstaller, capsys: pytest.CaptureFixture[str]
) -> None:
    refreshed(daemon, GONE)
    assert main(["remote", "refresh"]) == 3
    assert capsys.readouterr().out == "acme: nothing newer of what could be checked\n"
    refreshed(daemon)
    assert main(["remote", "refresh"]) == 0
    assert capsys.readouterr() == ("acme: nothing newer\n", "")
