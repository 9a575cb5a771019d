# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A GTK program in an image opens a real window, and draws; without the permission there is no screen."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.greeter import minimal_root
from support.images import Settings
from support.machine import BIN, Machine
from support.publisher import Publisher
from support.screen import screen

COLOUR, WIDTH, HEIGHT = "#12ab34", 200, 100
GTK = "/usr/bin/gtk-builder-tool"  # shows a window that a file describes
PROGRAM = f"#!/bin/sh\nexec {GTK} preview --css=/usr/share/window.css /usr/share/window.ui\n"
WINDOW = f"""<interface>
  <object class="GtkWindow" id="window">
    <property name="default-width">{WIDTH}</property>
    <property name="default-height">{HEIGHT}</property>
  </object>
</interface>
"""
METADATA = "[Application]\nname=org.example.Window\ncommand=/usr/bin/window\n[Context]\nsockets=x11;\n"
SETTINGS = Settings(
    entrypoint=("/usr/bin/window",),
    env={"PATH": "/usr/bin"},
    labels={"org.appctl.id": "org.example.Window", "org.appctl.metadata": METADATA},
)
RUN = (str(BIN / "appctl"), "run", "window")


def _root(root: Path) -> Path:
    minimal_root(root, ("/bin/sh", GTK))
    (root / "usr/bin/window").write_text(PROGRAM)
    (root / "usr/bin/window").chmod(0o755)
    share = root / "usr/share"
    share.mkdir()
    (share / "window.ui").write_text(WINDOW)
    (share / "window.css").write_text(f"window {{ background: {COLOUR}; }}\n")
    (root / "app").mkdir()
    (root / "app/metadata").write_text(METADATA)
    return root


@pytest.fixture(scope="module")
def desk(publisher: Publisher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine on which the program is installed, with its permission."""
    work = tmp_path_factory.mktemp("desk")
    publisher.layout.build("window", [_root(work / "root")], SETTINGS)
    key = publisher.keys.make("window")
    publisher.push("window", "gui/window:1", key)
    file = work / "key.asc"
    file.write_bytes(publisher.keys.export(key, armor=True))
    with Machine(work / "machine") as machine:
        machine.add_remote("gui", f"oci+http://{publisher.registry.host}/gui", file, publisher.lookaside.url)
        machine.appctl("install", "-y", "gui/window:1")
        yield machine


def test_a_window_is_there_and_drawn(desk: Machine) -> None:
    with screen(desk.directory / "granted", RUN, desk.environment) as seen:
        assert seen.wait_for(COLOUR) == WIDTH * HEIGHT


def test_without_the_permission_there_is_no_screen(desk: Machine) -> None:
    desk.appctl("permissions", "window", "--deny=sockets=x11")
    with screen(desk.directory / "denied", RUN, desk.environment) as seen:
        assert "cannot open display" in seen.ended().lower()
        assert seen.program.returncode != 0
        assert seen.pixels(COLOUR) == 0
