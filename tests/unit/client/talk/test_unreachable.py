# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""No bus, or nobody on it: a sentence and a hint, and the scope that is there is read all the same."""

import json
import tempfile
from pathlib import Path

import pytest
from jeepney import DBusAddress, new_error, new_method_call

from appctl.__main__ import main
from appctl.scope import Scope
from appctl.talk.daemon_failures import failure_of
from support.buses.bus import NAME, private_bus
from support.buses.fake_installer import FakeInstaller


@pytest.mark.parametrize(
    ("address", "why"), [("unix:path=/nonexistent/bus", "No such file or directory\n"), ("nonsense", "")]
)
def test_no_bus_is_a_failure_with_a_hint(
    address: str, why: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
    assert main(["--user", "prune"]) == 1
    error = capsys.readouterr().err
    assert f"cannot be reached on the session bus: {why}" in error
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


def test_a_daemon_that_the_bus_cannot_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with tempfile.TemporaryDirectory(prefix="bus.") as place:
        services = Path(place) / "services"
        services.mkdir()
        (services / f"{NAME}.service").write_text(f"[D-BUS Service]\nName={NAME}\nExec=/bin/false\n")
        with private_bus(Path(place)) as address:
            monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
            assert main(["--user", "list"]) == 1
    error = capsys.readouterr().err
    assert "cannot be reached" in error
    assert "hint: appctl --user doctor, or journalctl --user -u appctl" in error


def test_a_scope_whose_unit_is_masked_is_one_that_is_not_there() -> None:
    """As while the package is replaced, or because the administrator wants it so; systemd's word for it."""
    reply = new_error(
        new_method_call(DBusAddress("/", bus_name=NAME), "Ping"),
        "org.freedesktop.systemd1.UnitMasked",
        "s",
        ("Unit appctl.service is masked.",),
    )
    failure = failure_of(Scope.SYSTEM, "org.freedesktop.systemd1.UnitMasked", reply)
    assert failure.name == "DaemonUnavailable"
    assert "Unit appctl.service is masked." in failure.message
    assert "systemctl status appctl" in failure.hint


def test_reads_skip_the_scope_that_is_not_there(
    daemon: FakeInstaller, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["version", "--json"]) == 0
    versions = json.loads(capsys.readouterr().out)
    assert versions["user"] == {"daemon": "9.9", "api": 1}
    assert "system" not in versions
