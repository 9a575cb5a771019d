# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What doctor shows: foreign text escaped; a check that fails is a finding; a daemon of another version."""

import json
from collections.abc import Iterator

import pytest

from appctl.__main__ import main
from appctl.actions.doctor import examine
from appctl.actions.doctor.finding import Finding, ok, warning
from appctl.context import Context
from support.buses.fake_installer import FakeInstaller


def evil(_context: Context) -> Iterator[Finding]:
    """Find what a stranger named."""
    yield warning("remotes", "remote \x1b[2Jevil", "ls \u202efile")


def forbidden(_context: Context) -> Iterator[Finding]:
    """Look where the caller may not."""
    yield ok("forbidden", "so far")
    raise PermissionError(13, "Permission denied", "/secret")


def test_what_strangers_wrote_is_escaped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(examine, "CHECKS", (evil,))
    assert main(["doctor", "--user"]) == 0
    out = capsys.readouterr().out
    assert "remote \\x1b[2Jevil" in out
    assert "ls \\u202efile" in out
    assert out.isprintable() is False  # the ends of lines
    assert "\x1b" not in out


def test_a_check_that_may_not_look_does_not_hide_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(examine, "CHECKS", (forbidden, evil))
    assert main(["doctor", "--user", "--json"]) == 1
    checks = json.loads(capsys.readouterr().out)["checks"]
    assert [(item["check"], item["level"]) for item in checks] == [
        ("forbidden", "ok"), ("forbidden", "problem"), ("remotes", "warning"),
    ]  # fmt: skip
    assert "Permission denied" in checks[1]["message"]


def test_a_daemon_of_another_version(daemon: FakeInstaller, capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor", "--json"])
    checks = {item["check"]: item for item in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["daemon"]["level"] == "warning"
    assert "appctld is 9.9" in checks["daemon"]["message"]
