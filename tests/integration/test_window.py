# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A GTK program in an image opens a real window, and draws; the portal's file chooser opens for an app.

Without the permission there is no screen. What becomes of a chosen file is not shown: the portal gives it to
an app through a file system of its own, and /dev/fuse is not an unprivileged test's to open everywhere.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.images.greeter import minimal_root
from support.images.images import Settings
from support.machines.machine import BIN, Machine
from support.people.screen import screen
from support.publishers.publisher import Publisher

COLOUR, WIDTH, HEIGHT = "#12ab34", 200, 100
SHARE = "/usr/share/window"
WINDOW = f"""<interface>
  <object class="GtkWindow" id="window">
    <property name="default-width">{WIDTH}</property>
    <property name="default-height">{HEIGHT}</property>
  </object>
</interface>
"""
PORTAL = "org.freedesktop.portal"
OPEN = f"gdbus call --session --dest {PORTAL}.Desktop --object-path /org/freedesktop/portal/desktop"
OPEN += f" --method {PORTAL}.FileChooser.OpenFile '' 'A file for me' '{{}}'"
SUGGESTED = "#3584e4"  # of the button that GTK's own theme suggests
BACKEND = "org.freedesktop.impl.portal.desktop.gtk"
# The portal and who shows its dialogs, which a session starts otherwise; and what is told and answered.
PORTALS = f"""
/usr/libexec/xdg-permission-store &
/usr/libexec/xdg-desktop-portal-gtk &
/usr/libexec/xdg-desktop-portal &
until busctl --user status {PORTAL}.Desktop && busctl --user status {BACKEND}; do sleep 0.1; done
busctl --user --json=short monitor {BACKEND} >"$HOME/told" &
until [ -s "$HOME/told" ]; do busctl --user call {BACKEND} / org.freedesktop.DBus.Peer Ping; sleep 0.1; done
exec "$@" >"$HOME/answered" 2>&1
"""
APPS = {  # of each the programs that its image has, and what it does
    "window": (("/usr/bin/gtk-builder-tool",), f"exec gtk-builder-tool preview --css={SHARE}.css {SHARE}.ui"),
    "chooser": (("/usr/bin/gdbus", "/bin/sleep"), f"{OPEN}; exec sleep 600"),
}


def _metadata(name: str) -> str:
    return (
        f"[Application]\nname=org.example.{name.title()}\ncommand=/usr/bin/{name}\n[Context]\nsockets=x11;\n"
    )


def _root(root: Path, name: str) -> Path:
    programs, script = APPS[name]
    minimal_root(root, ("/bin/sh", *programs))
    (root / "usr/bin" / name).write_text(f"#!/bin/sh\n{script}\n")
    (root / "usr/bin" / name).chmod(0o755)
    (root / "usr/share").mkdir()
    (root / "usr/share/window.ui").write_text(WINDOW)
    (root / "usr/share/window.css").write_text(f"window {{ background: {COLOUR}; }}\n")
    (root / "usr/share/applications").mkdir()
    entry = f"[Desktop Entry]\nType=Application\nName={name.title()}\nExec=/usr/bin/{name}\n"
    (root / f"usr/share/applications/org.example.{name.title()}.desktop").write_text(entry)
    (root / "app").mkdir()
    (root / "app/metadata").write_text(_metadata(name))
    return root


def _settings(name: str) -> Settings:
    labels = {"org.appctl.id": f"org.example.{name.title()}", "org.appctl.metadata": _metadata(name)}
    return Settings(entrypoint=(f"/usr/bin/{name}",), env={"PATH": "/usr/bin"}, labels=labels)


@pytest.fixture(scope="module")
def desk(publisher: Publisher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine on which the programs are installed, with their permission."""
    work = tmp_path_factory.mktemp("desk")
    key = publisher.keys.make("gui")
    file = work / "key.asc"
    file.write_bytes(publisher.keys.export(key, armor=True))
    with Machine(work / "machine") as machine:
        machine.add_remote("gui", f"oci+http://{publisher.registry.host}/gui", file, publisher.lookaside.url)
        for name in APPS:
            publisher.layout.build(name, [_root(work / name, name)], _settings(name))
            publisher.push(name, f"gui/{name}:1", key)
            machine.appctl("install", "-y", f"gui/{name}:1")
        yield machine


def run(name: str) -> tuple[str, ...]:
    return (str(BIN / "appctl"), "run", name)


def test_a_window_is_there_and_drawn(desk: Machine) -> None:
    with screen(desk.directory / "granted", run("window"), desk.environment) as seen:
        seen.wait_for(COLOUR, WIDTH * HEIGHT)
        assert seen.pixels(COLOUR) == WIDTH * HEIGHT


def test_a_desktop_opens_the_window_by_its_entry(desk: Machine) -> None:
    """`gio launch` goes on at once; the screen is there as long as the command."""
    share = desk.state / "exports/share"
    script = 'gio launch "$1" && exec sleep 600'
    command = ("sh", "-c", script, "sh", str(share / "applications/org.example.Window.desktop"))
    session = {**desk.environment, "XDG_DATA_DIRS": f"/usr/share:{share}"}
    with screen(desk.directory / "menu", command, session) as seen:
        seen.wait_for(COLOUR, WIDTH * HEIGHT)
        assert seen.pixels(COLOUR) == WIDTH * HEIGHT
    desk.appctl("kill", "window", code=None)


def test_the_file_chooser_of_the_portal_opens_for_the_app(desk: Machine) -> None:
    session = {**desk.environment, "GDK_BACKEND": "x11", "XDG_CURRENT_DESKTOP": "GNOME", "NO_AT_BRIDGE": "1"}
    command = ("sh", "-c", PORTALS, "sh", *run("chooser"))
    with screen(desk.directory / "portal", command, session) as seen:
        told, answered = (desk.directory / "home" / name for name in ("told", "answered"))
        seen.wait_until(lambda: bool(_asked(told)), lambda: answered.read_text() + told.read_text()[-2000:])
        seen.wait_for(SUGGESTED)
        (asked,) = _asked(told)
    assert asked[1] == "org.example.Chooser"  # the portal knows who asks by the sandbox of its bus proxy
    assert asked[3] == "A file for me"


def _asked(told: Path) -> list[list[object]]:
    """What who shows the dialogs was asked for, of what was told on the bus so far."""
    lines = told.read_text().splitlines() if told.exists() else []
    heard = [json.loads(line) for line in lines if line.endswith("}")]
    return [each["payload"]["data"] for each in heard if each.get("member") == "OpenFile"]


def test_without_the_permission_there_is_no_screen(desk: Machine) -> None:
    desk.appctl("permissions", "window", "--deny=sockets=x11")
    with screen(desk.directory / "denied", run("window"), desk.environment) as seen:
        assert "cannot open display" in seen.ended().lower()
        assert seen.program.returncode != 0
        assert seen.pixels(COLOUR) == 0
