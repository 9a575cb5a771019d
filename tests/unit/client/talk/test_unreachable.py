# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""No bus, or nobody on it: a sentence and a hint, and the scope that is there is read all the same."""

import json
import tempfile
from pathlib import Path

import pytest

from appctl.__main__ import main
from support.bus import private_bus
from support.fake_installer import FakeInstaller


@pytest.mark.parametrize("address", ["unix:path=/nonexistent/bus", "nonsense"])
def test_no_bus_is_a_failure_with_a_hint(
    address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
    assert main(["--user", "prune"]) == 1
    error = capsys.readouterr().err
    assert "cannot be reached on the session bus" in error
    assert "hint:" in error


@pytest.mark.parametrize("address", [None, ""])
def test_without_a_session_bus_that_is_said(
    address: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    if address is not None:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
    assert main(["--user", "prune"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: no session bus here (DBUS_SESSION_BUS_ADDRESS is not set)\nhint: ")


def test_a_bus_without_the_daemon(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with tempfile.TemporaryDirectory(prefix="bus.") as place, private_bus(Path(place)) as address:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        assert main(["--user", "list"]) == 1
    assert "cannot be reached" in capsys.readouterr().err


def test_reads_skip_the_scope_that_is_not_there(
    daemon: FakeInstaller, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["version", "--json"]) == 0
    versions = json.loads(capsys.readouterr().out)
    assert versions["user"] == {"daemon": "9.9", "api": 1}
    assert "system" not in versions
