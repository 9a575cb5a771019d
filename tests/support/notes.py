# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An app for a desktop, in two versions, and what GIO makes of it: as programs of a session see it.

    python -m support.notes WORK       inside namesakes.inside, for all users; `for_all_users` starts it

Version 1 has an entry, and a service of the session bus, and tells what it was started with;
version 2 has another name, another entry beside it, and no service. Both come with entries of others.
"""

import json
import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from support.acme import NAMES, town
from support.images.greeter import minimal_root
from support.images.images import CREATED, Settings
from support.images.png import png
from support.machines.machine import Machine
from support.machines.namesakes import run_inside
from support.publishers.publisher import Publisher

APP = "org.acme.Notes"
ENTRY, EXTRA, SERVICE = f"{APP}.desktop", f"{APP}.Extra.desktop", f"{APP}.service"
ICON = f"icons/hicolor/48x48/apps/{APP}.png"
SECONDS = 60.0  # for an app that was started, on a busy machine

PROGRAM = """#!/bin/sh
printf '%s\\n' "$0" "$@" >"$HOME/.said" && mv "$HOME/.said" "$HOME/said"
"""
TYPES = f"""<?xml version="1.0" encoding="UTF-8"?>
<mime-info xmlns="http://www.freedesktop.org/standards/shared-mime-info">
  <mime-type type="application/x-{APP.lower()}"><comment>A note</comment>
    <glob pattern="*.acmenote"/></mime-type>
</mime-info>
"""
METAINFO = f"""<?xml version="1.0" encoding="UTF-8"?>
<component type="desktop-application">
  <id>{APP}</id><metadata_license>CC0-1.0</metadata_license><name>Notes</name><summary>Take notes</summary>
  <description><p>It takes notes of what you say.</p></description>
  <launchable type="desktop-id">{ENTRY}</launchable>
  <url type="homepage">https://acme.example/notes</url>
</component>
"""
READ = """
import json, sys
from gi.repository import Gio
found = {}
for app in Gio.AppInfo.get_all():
    if app.get_id().startswith(sys.argv[1]):
        found[app.get_id()] = {
            "name": app.get_name(), "line": app.get_commandline(),
            "types": list(app.get_supported_types() or ()),
            "actions": list(app.list_actions()), "file": app.get_filename(), "shown": app.should_show(),
        }
type_ = f"application/x-{sys.argv[1].lower()}"
print(json.dumps({
    "apps": found,
    "guessed": Gio.content_type_guess("x.acmenote", b"")[0],
    "described": Gio.content_type_get_description(type_),
    "opens": [app.get_id() for app in Gio.AppInfo.get_all_for_type(type_)],
}))
"""
LAUNCH = """
import sys
from gi.repository import Gio
app = Gio.DesktopAppInfo.new(sys.argv[1])
if sys.argv[2:3] == ["action"]:
    app.launch_action(sys.argv[3], None)
else:
    app.launch_uris(sys.argv[2:], None)
"""


def entry(name: str, title: str, *more: str) -> str:
    """A desktop file's text."""
    return "\n".join(
        [
            "[Desktop Entry]",
            "Type=Application",
            f"Name={title}",
            f"Exec={name} %U",
            "TryExec=notes",
            *more,
            "",
        ]
    )


def build(publisher: Publisher, work: Path) -> None:
    """Build both versions, as `1` and `2` of the publisher's layout."""
    base = minimal_root(work / "base", ("/bin/sh", "/bin/mv"))
    (base / "usr/bin/notes").write_text(PROGRAM)
    (base / "usr/bin/notes").chmod(0o755)
    names = {
        "1": {
            f"applications/{ENTRY}": entry(
                "notes",
                "Notes One",
                f"MimeType=application/x-{APP.lower()};",
                f"Icon={APP}",
                "Actions=new;",
                "[Desktop Action new]",
                "Name=New",
                "Exec=notes --new",
            ),
            f"dbus-1/services/{SERVICE}": f"[D-BUS Service]\nName={APP}\nExec=/usr/bin/notes --service\n",
            f"mime/packages/{APP}.xml": TYPES,
            f"metainfo/{APP}.metainfo.xml": METAINFO,
            f"applications/{APP}.Broken.desktop": "no desktop file",
        },
        "2": {
            f"applications/{ENTRY}": entry("notes", "Notes Two"),
            f"applications/{EXTRA}": entry("notes", "Extra"),
        },
    }
    icon = png([bytes((32, 96, 160) * 48)] * 48)
    for version, files in names.items():
        layer = work / f"layer{version}"
        if version == "1":
            (layer / "usr/share" / ICON).parent.mkdir(parents=True)
            (layer / "usr/share" / ICON).write_bytes(icon)
        for path, text in {**files, "applications/org.gnome.Nautilus.desktop": entry("x", "Files")}.items():
            (layer / "usr/share" / path).parent.mkdir(parents=True, exist_ok=True)
            (layer / "usr/share" / path).write_text(text)
        labels = {"org.appctl.id": APP, "org.opencontainers.image.version": version}
        settings = Settings(
            entrypoint=("/usr/bin/notes",),
            env={"PATH": "/usr/bin"},
            labels=labels,
            created=CREATED + timedelta(days=int(version)),
        )
        publisher.layout.build(version, [base, layer], settings)


class Session:
    """A session on a machine: its XDG_DATA_DIRS have what that exports, last."""

    def __init__(self, machine: Machine, app: str = APP) -> None:
        self.machine = machine
        self.app = app
        self.share = machine.state / "exports/share"
        self.environment = {**machine.environment, "XDG_DATA_DIRS": f"/usr/share:{self.share}"}
        self.environment.pop("PYTHONPATH")

    def read(self) -> Any:  # noqa: ANN401 - as READ prints it
        """What GIO knows of the app."""
        return json.loads(self.python(READ, self.app))

    def python(self, program: str, *arguments: str) -> str:
        """Run a program of the distribution's Python there; what it prints."""
        command = ["/usr/bin/python3", "-c", program, *arguments]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, timeout=100
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def said(self) -> list[str]:
        """What the app was started with, when it was; then it is forgotten."""
        note = self.home / "said"
        end = time.monotonic() + SECONDS
        while not note.exists():
            assert time.monotonic() < end, "the app was not started"
            time.sleep(0.02)
        lines = note.read_text().splitlines()
        note.unlink()
        return lines

    @property
    def home(self) -> Path:
        """The app's own."""
        return Path(self.machine.environment["HOME"]) / ".var/app" / self.app / "home"

    def links(self) -> set[str]:
        """Paths of all links in the exports, each of which leads somewhere."""
        found = {path for path in self.share.rglob("*") if path.is_symlink()}
        assert all(path.exists() for path in found)
        return {str(path.relative_to(self.share)) for path in found}

    def files(self) -> set[str]:
        """Paths of all else that is no directory."""
        found = {path for path in self.share.rglob("*") if path.is_file() and not path.is_symlink()}
        return {os.path.relpath(path, self.share) for path in found}


def for_all_users(work: Path) -> Any:  # noqa: ANN401 - as `main` says
    """Run this program in a namespace of its own; what it prints."""
    return run_inside(work, NAMES, "support.notes")


def main(work: Path) -> None:
    """Install for all users, look and launch as one of them, uninstall: prints what was seen of each."""
    with town(work) as (acme, machine):
        machine.add_remote("acme", "quay.io/acme", acme.introduce(), acme.lookaside.url)
        build(acme, work)
        acme.push("1", "acme/notes:1", acme.key)
        machine.appctl("install", "-y", "acme/notes:1")
        session = Session(machine)
        seen = {"read": session.read(), "links": sorted(session.links())}
        session.python(LAUNCH, ENTRY, "https://acme.example/")
        seen["said"] = session.said()
        machine.appctl("uninstall", "-y", "notes")
        seen["left"] = sorted(session.links() | session.files())
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
