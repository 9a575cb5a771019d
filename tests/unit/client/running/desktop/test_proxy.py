# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Buses as an app sees them: a real dbus-daemon, the real xdg-dbus-proxy, and gdbus in the sandbox."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from appctl.__main__ import main
from appctl.running.desktop import proxy
from support.buses.bus import private_bus
from support.buses.names import Services, services
from support.machines.deployments import Made
from support.machines.runtimes import APP, change_tool, platform, tool

pytestmark = pytest.mark.skipif(os.geteuid() == 0, reason="apps are not run as root")

NAMES = (
    "org.other.Service",
    "org.other.Service.Below",
    "org.third.Service",
    "org.freedesktop.systemd1",
    "org.freedesktop.portal.Desktop",
    "org.freedesktop.portal.Flatpak",
    "org.appctl.Installer1",
)
BUS = "gdbus call --{bus} --dest org.freedesktop.DBus --object-path / --method org.freedesktop.DBus"
LIST = BUS + ".ListNames"
CALL = "gdbus call --{bus} --dest {name} --object-path /x --method org.x.Y.Hello 2>&1; true"
OWN = BUS + ".RequestName {name} 0 2>&1; true"


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, place in (("HOME", "home"), ("XDG_RUNTIME_DIR", "runtime")):
        (tmp_path / place).mkdir()
        monkeypatch.setenv(name, str(tmp_path / place))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "DBUS_SESSION_BUS_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent")
    return tmp_path / "home/.local/share/appctl"


@pytest.fixture
def app(state: Path) -> Made:
    platform(state, "sh", "gdbus", "ls", "cat", "env")
    return tool(state)


def test_what_the_runtime_directory_does_not_take_is_our_failure(
    app: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "runtime/appctl").write_bytes(b"")
    assert main(["run", APP]) == 125
    assert f"{tmp_path}/runtime/appctl: File exists" in capsys.readouterr().err


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    with private_bus(tmp_path) as address, services(address, NAMES) as seen:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        yield seen


def run(
    app: Made, capfd: pytest.CaptureFixture[str], script: str, *policies: str, bus: str = "session"
) -> str:
    """The output of a script in the app, which asks for these policies of a bus."""
    change_tool(app, permissions=[[f"{bus}-bus", policy, ""] for policy in policies])
    assert main(["run", APP, script]) == 0
    return "".join(capfd.readouterr())


def deny(state: Path, policy: str, bus: str = "session") -> None:
    """Deny the app a policy, in the caller's own file."""
    file = state.parents[2] / ".config/appctl/overrides" / APP
    file.parent.mkdir(parents=True)
    file.write_text(f"deny {bus}-bus={policy}\n")


def names(listed: str) -> set[str]:
    """The well-known names in what ListNames said."""
    return {word.strip("'[](),\n") for word in listed.split()} & set(NAMES)


def test_what_may_be_talked_to_answers(
    app: Made, session: Services, capfd: pytest.CaptureFixture[str]
) -> None:
    said = run(app, capfd, CALL.format(bus="session", name="org.other.Service"), "org.other.Service:talk")
    assert said == "('org.other.Service',)\n"
    assert session.calls == ["org.other.Service"]


@pytest.mark.parametrize(
    ("policy", "called", "seen"),
    [
        ("org.other.Service:talk", [0], [0]),
        ("org.other.Service.*:talk", [0, 1], [0, 1]),
        ("org.other.Service:see", [], [0]),
        ("org.other.*:see", [], [0, 1]),
        ("org.third.Service:own", [2], [2]),
        ("org.nobody.Here:talk", [], []),
        ("org.freedesktop.systemd1:talk", [], []),
        ("org.freedesktop.*:talk", [], []),
        ("org.freedesktop.portal.*:talk", [], []),
        ("org.appctl.Installer1:talk", [], []),
        ("org.appctl.*:see", [], []),
        ("org.third.Service:talk --talk=org.other.Service", [], []),
        ("org.third.Service:all", [], []),
    ],
)
def test_a_policy_reaches_its_names_and_no_others(
    policy: str,
    called: list[int],
    seen: list[int],
    app: Made,
    session: Services,
    capfd: pytest.CaptureFixture[str],
) -> None:
    always = "org.freedesktop.portal.Desktop"
    calls = "; ".join(CALL.format(bus="session", name=name) for name in NAMES)
    run(app, capfd, calls, policy)
    assert session.calls == [*(NAMES[number] for number in called), always]
    listed = run(app, capfd, LIST.format(bus="session"), policy)
    assert names(listed) == {*(NAMES[number] for number in seen), always}


@pytest.mark.parametrize(
    ("denied", "called"),
    [
        ("org.other.Service:talk", ["org.third.Service", "org.freedesktop.portal.Desktop"]),
        ("org.other.*:see", ["org.third.Service", "org.freedesktop.portal.Desktop"]),
        ("org.other.Service.Below:talk", ["org.third.Service", "org.freedesktop.portal.Desktop"]),
        ("org.third.Service:own", ["org.other.Service", "org.other.Service.Below", "org.third.Service",
                                   "org.freedesktop.portal.Desktop"]),
        ("org.freedesktop.portal.Desktop:talk", ["org.other.Service", "org.other.Service.Below",
                                                 "org.third.Service"]),
    ],
)  # fmt: skip
def test_a_name_that_is_denied_is_not_reached(
    denied: str, called: list[str], app: Made, session: Services, state: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    deny(state, denied)
    calls = "; ".join(CALL.format(bus="session", name=name) for name in NAMES)
    run(app, capfd, calls, "org.other.Service.*:talk", "org.third.Service:talk")
    assert session.calls == called


def test_an_app_that_is_denied_its_own_name_does_not_own_it(
    app: Made, session: Services, state: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    deny(state, f"{APP}:own")
    assert "(uint32 1,)" not in run(app, capfd, OWN.format(bus="session", name=APP))


def test_what_is_denied_of_the_system_bus_leaves_none(
    app: Made, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    deny(state, "org.other.Service:talk", bus="system")
    with private_bus(tmp_path) as address, services(address, NAMES):
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
        out = run(app, capfd, "ls /run/dbus 2>/dev/null; env", "org.other.Service:talk", bus="system")
        assert "DBUS_SYSTEM" not in out


def test_an_app_owns_its_own_names_and_those_it_was_granted(
    app: Made, session: Services, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, policies, owned in (
        (APP, [], True),
        (f"{APP}.Part", [], True),
        (f"org.mpris.MediaPlayer2.{APP}", [], True),
        ("org.acme.Other", [], False),
        ("org.acme.Other", ["org.acme.Other:talk"], False),
        ("org.acme.Other", ["org.acme.Other:own"], True),
        ("org.acme.Other.Part", ["org.acme.Other.*:own"], True),
        ("org.freedesktop.Flatpak", ["org.freedesktop.Flatpak:own"], False),
    ):
        said = run(app, capfd, OWN.format(bus="session", name=name), *policies)
        assert ("(uint32 1,)" in said) is owned, (name, said)


def test_an_app_whose_id_is_a_name_that_leads_out_does_not_own_it(
    state: Path, session: Services, capfd: pytest.CaptureFixture[str]
) -> None:
    platform(state, "sh", "gdbus")
    made = tool(state)
    (state / "apps" / APP).rename(state / "apps/org.appctl.Evil")
    made = Made(state, "org.appctl.Evil").write(**{
        "entrypoint": ["tool"], "runtime": "org.acme.Platform._1", "app": "files",
        "runtime-ref": "runtime/org.acme.Platform/x86_64/1",
    })  # fmt: skip
    assert main(["run", made.id, OWN.format(bus="session", name="org.appctl.Evil")]) == 0
    assert "(uint32 1,)" not in capfd.readouterr().out


def test_portals_see_who_is_connected_and_the_proxy_sees_nothing_of_the_caller(
    app: Made, session: Services, capfd: pytest.CaptureFixture[str]
) -> None:
    run(app, capfd, CALL.format(bus="session", name="org.freedesktop.portal.Desktop"))
    assert session.infos[0].startswith(
        f"[Application]\nname={APP}\nruntime=runtime/org.acme.Platform/x86_64/1\n"
    )
    assert {"home", "tmp", "var", "root"}.isdisjoint(session.roots[0])


def test_documents_that_a_portal_gave_are_there_with_the_bus(
    app: Made, session: Services, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in (APP, "org.acme.Other"):
        (tmp_path / "runtime/doc/by-app" / name).mkdir(parents=True)
        (tmp_path / "runtime/doc/by-app" / name / name).touch()
    assert run(app, capfd, f"ls /run/user/{os.getuid()}/doc") == f"{APP}\n"


def test_the_system_bus_is_only_there_by_policy(
    app: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with private_bus(tmp_path) as address, services(address, NAMES):
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
        seen = "ls /run/dbus 2>/dev/null; env"
        assert "DBUS_SYSTEM" not in run(app, capfd, seen)
        assert "system_bus_socket" in run(app, capfd, seen, "org.other.Service:talk", bus="system")
        said = run(app, capfd, LIST.format(bus="system"), "org.other.Service:talk", bus="system")
        assert names(said) == {"org.other.Service"}  # not even portals


def test_without_a_session_bus_there_is_none_and_what_was_granted_is_named(
    app: Made, capfd: pytest.CaptureFixture[str]
) -> None:
    out = run(app, capfd, "env")
    assert "DBUS_SESSION" not in out
    assert "not granted" not in out
    assert "session-bus is not granted here" in run(app, capfd, "env", "org.other.Service:talk")


def test_without_a_runtime_directory_there_is_no_bus(
    app: Made, session: Services, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "runtime").rmdir()
    out = run(app, capfd, "env", "org.other.Service:talk")
    assert "session-bus is not granted here" in out
    assert "DBUS_SESSION" not in out


def test_without_the_proxy_there_is_no_bus(
    app: Made, session: Services, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(proxy, "_PROGRAM", "no-such-proxy")
    out = run(app, capfd, "env", "org.other.Service:talk")
    assert "session-bus is not granted here" in out
    assert "DBUS_SESSION" not in out


def test_an_app_that_could_not_use_a_bus_starts_no_proxy(
    state: Path, session: Services, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made = Made(state, "org.acme.Plain").programs("sh", "env").write(entrypoint=["env"])
    assert main(["run", made.id]) == 0
    assert "DBUS_SESSION" not in capfd.readouterr().out


def test_the_proxys_sockets_go_when_the_app_ends(
    app: Made, session: Services, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run(app, capfd, "true", "org.other.Service:talk")
    assert list((tmp_path / "runtime/appctl").iterdir()) == []


@pytest.mark.parametrize("signal", ["kill", "terminate"])
def test_the_end_of_the_client_is_the_end_of_the_proxy(app: Made, session: Services, signal: str) -> None:
    command = [sys.executable, "-m", "appctl", "run", APP, "echo up; read line"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        getattr(child, signal)()
        assert child.stdout.read() == b""  # whoever held the other end is gone: app, bubblewrap and proxy


def test_a_proxy_that_does_not_start_is_an_error_of_ours(
    app: Made, session: Services, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(proxy, "_PROGRAM", "false")
    change_tool(app)
    assert main(["run", APP, "echo ran"]) == 125
    out, err = capfd.readouterr()
    assert out == ""
    assert "did not start" in err


def test_an_abstract_address_is_reached_too(
    app: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As older session buses have it: it belongs to the network, which the app itself does not get."""
    name = f"appctl-test-{secrets.token_hex(8)}"  # whoever has this network has its abstract names too
    with private_bus(tmp_path, listen=f"unix:abstract={name}") as address, services(address, NAMES):
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        assert "org.freedesktop.portal.Desktop" in run(app, capfd, LIST.format(bus="session"))
        raw = f"gdbus call --address unix:abstract={name} --dest a.b --object-path / --method a.b.C"
        assert "Could not connect" in run(app, capfd, f"{raw} 2>&1; true")
