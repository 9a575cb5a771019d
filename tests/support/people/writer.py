# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Somebody who starts a GTK program of an image, for the documents: what stands on the screen then.

    python -m support.people.writer WORK FILE       inside namesakes.inside; `portray` starts it

The image is what docs/publishing.md says of a program with a window: the program, its libraries, a font, and
what finds that. It is signed, installed for all users, and asks for the screen alone. FILE is a PNG.
"""

import shutil
import sys
from pathlib import Path

from support.acme import NAMES, Acme, town
from support.images.greeter import minimal_root
from support.images.images import Settings
from support.images.png import png
from support.machines.machine import BIN
from support.machines.namesakes import run_inside
from support.people.screen import screen

APP = "org.acme.Letter"
WIDTH, HEIGHT, SCALE = 520, 260, 2
CORNER = 24  # radius in pixels, as a desktop would draw it
PAPER = "#ffffff"  # where the text stands; a screen is black before
METADATA = f"[Application]\nname={APP}\ncommand=/usr/bin/letter\n[Context]\nsockets=x11;\n"
PROGRAM = "#!/bin/sh\nexec gtk-builder-tool preview --css=/usr/share/letter.css /usr/share/letter.ui\n"
NEEDED = ("/usr/share/fonts/opentype/cantarell", "/etc/fonts")
STYLE = """decoration { border: none; border-radius: 0; margin: 0; padding: 0; }
window { font: 11pt Cantarell; } textview { padding: 14px; font-size: 12pt; }
"""
TEXT = """Dear reader,

this program, its toolkit and its letters came in one image. It sees this screen, \
a home of its own, and nothing else of this machine.

Yours, Acme"""
LAYOUT = f"""<interface>
  <object class="GtkTextBuffer" id="text"><property name="text">{TEXT}</property></object>
  <object class="GtkWindow" id="window">
    <property name="default-width">{WIDTH}</property>
    <property name="default-height">{HEIGHT}</property>
    <child type="titlebar"><object class="GtkHeaderBar">
      <property name="visible">1</property>
      <property name="title">Letter</property>
      <property name="subtitle">from an image of Acme</property>
      <child><object class="GtkButton">
        <property name="visible">1</property><property name="label">New</property>
      </object></child>
      <child><object class="GtkButton">
        <property name="visible">1</property><property name="label">Send</property>
        <style><class name="suggested-action"/></style>
      </object><packing><property name="pack-type">end</property></packing></child>
    </object></child>
    <child><object class="GtkTextView">
      <property name="visible">1</property>
      <property name="cursor-visible">0</property>
      <property name="wrap-mode">word</property>
      <property name="buffer">text</property>
    </object></child>
  </object>
</interface>
"""


def portray(work: Path, file: Path) -> None:
    """Run this program in a namespace of its own."""
    run_inside(work, NAMES, "support.people.writer", str(file))


def publish(acme: Acme, root: Path) -> None:
    """Build the image, and push it, signed."""
    minimal_root(root, ("/bin/sh", "/usr/bin/gtk-builder-tool"))
    for path in NEEDED:
        shutil.copytree(
            path, root / path.lstrip("/"), symlinks=path == "/usr/share/fonts", dirs_exist_ok=True
        )
    (root / "usr/bin/letter").write_text(PROGRAM)
    (root / "usr/bin/letter").chmod(0o755)
    (root / "usr/share/letter.ui").write_text(LAYOUT)
    (root / "usr/share/letter.css").write_text(STYLE)
    (root / "app").mkdir()
    (root / "app/metadata").write_text(METADATA)
    labels = {"org.appctl.id": APP, "org.appctl.metadata": METADATA}
    settings = Settings(entrypoint=("/usr/bin/letter",), env={"PATH": "/usr/bin"}, labels=labels)
    acme.layout.build("letter", [root], settings)
    acme.push("letter", "acme/letter:1", acme.key)


def main(work: Path, file: Path) -> None:
    """Install it, start it, and look."""
    with town(work) as (acme, machine):
        machine.add_remote("acme", "quay.io/acme", acme.introduce(), acme.lookaside.url)
        publish(acme, work / "root")
        machine.appctl("install", "-y", "acme/letter:1")
        command = (str(BIN / "appctl"), "run", f"--env=GDK_SCALE={SCALE}", "--env=LANG=C.UTF-8", "letter")
        size = WIDTH * SCALE, HEIGHT * SCALE
        beyond = size[0] * 2 + SCALE, size[1] * 2 + SCALE  # the pointer is in the middle
        with screen(work / "screen", command, machine.environment, beyond) as seen:
            seen.wait_for(PAPER)
            file.write_bytes(png(seen.still(*size), corner=CORNER))
    print("null")  # noqa: T201 - a program's answer


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
