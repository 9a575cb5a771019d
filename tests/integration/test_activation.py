# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An entry that is DBusActivatable: GIO asks the app over the session bus, which starts it, and it answers.

The app owns its name, through the proxy of its bus, and dbus-test-tool answers whatever is called of it. What
came to it, and who answered, a monitor of the session's bus hears.
"""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.images.greeter import minimal_root
from support.images.images import Settings
from support.machines.machine import Machine
from support.notes import LAUNCH, SECONDS, Session
from support.publishers.publisher import Publisher

DIARY, READER = "org.acme.Diary", "org.acme.Reader"
APPS = {  # what each starts, and what it wants to use
    DIARY: ("app", f"[Session Bus Policy]\n{DIARY}=own\n"),
    READER: ("app %U", "[Context]\nshared=network;\n"),
}
TO_DIARY = {"destination": DIARY, "path": "/org/acme/Diary", "interface": "org.freedesktop.Application"}
PROGRAM = """#!/bin/sh
printf '%s\\n' "$0" "$@" >"$HOME/.said" && mv "$HOME/.said" "$HOME/said"
[ "$1" != --service ] || exec dbus-test-tool echo --session --name="$APPCTL_ID"
"""
# Ends when whoever was asked has answered: what the bus says instead is an error here.
ASK = """
import sys
from gi.repository import Gio, GLib
loop, app = GLib.MainLoop(), Gio.DesktopAppInfo.new(sys.argv[1])
def ended(_, done):
    loop.quit()
    app.launch_uris_finish(done)
    print("answered")
app.launch_uris_async([], None, None, ended)
loop.run()
"""


@pytest.fixture(scope="module")
def machine(publisher: Publisher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A session's machine on which both are installed."""
    work = tmp_path_factory.mktemp("desk")
    key = publisher.keys.make("desk")
    file = work / "key.asc"
    file.write_bytes(publisher.keys.export(key, armor=True))
    base = minimal_root(work / "base", ("/bin/sh", "/bin/mv", "/usr/bin/dbus-test-tool"))
    (base / "usr/bin/app").write_text(PROGRAM)
    (base / "usr/bin/app").chmod(0o755)
    services = work / "machine/data/appctl/exports/share/dbus-1/services"
    services.mkdir(parents=True)  # as they are when a session begins: the bus watches what is there
    (work / "machine/services").symlink_to(services)
    with Machine(work / "machine") as machine:
        host = publisher.registry.host
        machine.add_remote("desk", f"oci+http://{host}/desk", file, publisher.lookaside.url)
        for app in APPS:
            publisher.layout.build(app, [base, _layer(work / app, app)], _settings(app))
            publisher.push(app, f"desk/{app.lower()}:1", key)
            machine.appctl("install", "-y", f"desk/{app.lower()}:1")
        session = Session(machine)
        subprocess.run(["dbus-update-activation-environment", "--all"], env=session.environment, check=True)
        yield machine


def _layer(layer: Path, app: str) -> Path:
    files = {
        f"usr/share/applications/{app}.desktop": "[Desktop Entry]\nType=Application\nName=It\n"
        f"DBusActivatable=true\nExec={APPS[app][0]}\nActions=new;\n[Desktop Action new]\nName=New\n",
        f"usr/share/dbus-1/services/{app}.service": f"[D-BUS Service]\nName={app}\nExec=app --service\n",
        "app/metadata": _metadata(app),
    }
    for path, text in files.items():
        (layer / path).parent.mkdir(parents=True, exist_ok=True)
        (layer / path).write_text(text)
    return layer


def _metadata(app: str) -> str:
    return f"[Application]\nname={app}\ncommand=/usr/bin/app\n{APPS[app][1]}"


def _settings(app: str) -> Settings:
    labels = {"org.appctl.id": app, "org.appctl.metadata": _metadata(app)}
    return Settings(entrypoint=("/usr/bin/app",), env={"PATH": "/usr/bin"}, labels=labels)


@contextmanager
def heard(session: Session) -> Iterator[Path]:
    """Listen to the session's bus: the file in which is told what came by."""
    file = session.machine.directory / "told"
    ping = ["busctl", "--user", "call", "org.freedesktop.DBus", "/", "org.freedesktop.DBus.Peer", "Ping"]
    command = ["busctl", "--user", "--json=short", "monitor"]
    with file.open("w") as told, subprocess.Popen(command, env=session.environment, stdout=told) as monitor:
        end = time.monotonic() + SECONDS
        try:
            while not file.stat().st_size:
                assert time.monotonic() < end, "the monitor does not listen"
                subprocess.run(ping, env=session.environment, check=True)
            yield file
        finally:
            monitor.terminate()


def answered(file: Path, member: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The call of it, and its answer, which the monitor may tell later than the caller."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        told = [json.loads(line) for line in file.read_text().splitlines() if line.endswith("}")]
        for call in [one for one in told if one.get("member") == member]:
            for reply in told:
                if (reply.get("reply_cookie"), reply.get("destination")) == (call["cookie"], call["sender"]):
                    return call, reply
        time.sleep(0.02)
    raise AssertionError(file.read_text())


def owner(session: Session, name: str) -> str:
    call = ["busctl", "--user", "--json=short", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus"]
    call += ["org.freedesktop.DBus", "GetNameOwner", "s", name]
    done = subprocess.run(call, env=session.environment, capture_output=True, text=True, check=True)
    return str(json.loads(done.stdout)["data"][0])


def test_gio_activates_an_app_that_owns_its_name_and_its_actions(machine: Machine) -> None:
    session = Session(machine, DIARY)
    with heard(session) as told:
        assert session.python(ASK, f"{DIARY}.desktop") == "answered\n"
        assert session.said() == ["/usr/bin/app", "--service"]  # not by the entry's command
        action = ["gapplication", "action", DIARY, "new"]
        subprocess.run(action, env=session.environment, check=True)
        asked = {member: answered(told, member) for member in ("Activate", "ActivateAction")}
    for call, reply in asked.values():
        assert call.items() >= TO_DIARY.items()
        assert (reply["type"], reply["sender"]) == ("method_return", owner(session, DIARY))
    assert asked["ActivateAction"][0]["payload"]["data"][:2] == ["new", []]
    assert [app["id"] for app in machine.appctl("ps", "--json").json] == [DIARY]  # once
    machine.appctl("kill", DIARY)


def test_what_opens_files_is_started_by_its_command_with_them(machine: Machine) -> None:
    session = Session(machine, READER)
    session.python(LAUNCH, f"{READER}.desktop", "https://acme.example/")
    assert session.said() == ["/usr/bin/app", "https://acme.example/"]


def test_a_service_without_a_bus_of_its_own_takes_no_name(machine: Machine) -> None:
    """What publishers are told: it wants a display, a bus name or a runtime. The bus says how it ended."""
    session = Session(machine, READER)
    call = ["busctl", "--user", "call", READER, "/", "org.freedesktop.DBus.Peer", "Ping"]
    done = subprocess.run(call, env=session.environment, capture_output=True, text=True, check=False)
    assert "exited with status" in done.stderr
    assert session.said()[1:] == ["--service"]
