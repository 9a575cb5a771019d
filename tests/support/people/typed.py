# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Types every command line of docs/users.md, in its order, on a machine where quay.io is at home.

    python -m support.people.typed WORK       inside namesakes.inside; `type_all` starts it

It prints one JSON list, a member for each line that begins with `$`: [the line, the exit code that the
document promises, the one that came, what was shown]. Questions are answered with yes. Between lines the
publisher goes on with its work, as the document tells it (`MEANWHILE`).
"""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

from support.acme import NAMES, PASSWORD, USER, Acme, town
from support.machines.machine import Machine
from support.machines.namesakes import run_inside
from support.people.terminal import Terminal

DOCUMENT = Path(__file__).resolve().parents[3] / "docs/users.md"
_LINE = re.compile(r"^ +\$ (?P<words>.*?)(?: {4}# exit code (?P<code>\d+))?$", re.MULTILINE)
_DIGEST = "sha256:33c2…"
ASKS = "shared=network;\nfilesystems=~/Documents;\nsockets=wayland;\n"
EDITOR, VIEWER = "org.acme.Editor", "org.acme.Viewer"
Typed = list[tuple[str, int, int, list[str]]]


def type_all(work: Path) -> Typed:
    """Run this program in a namespace of its own; what it prints."""
    typed: Typed = run_inside(work, NAMES, "support.people.typed")
    return typed


def newer(acme: Acme) -> None:
    """New versions that ask for nothing new."""
    acme.release("acme/editor:latest", EDITOR, "1.5", ASKS)
    acme.release("acme/viewer:latest", VIEWER, "2.1")


def forged(acme: Acme) -> None:
    """A new version that somebody else signed."""
    stranger = acme.keys.make("Acme", address="new@acme.example")
    acme.release("acme/viewer:latest", VIEWER, "2.2", key=stranger)


MEANWHILE: dict[str, list[Callable[[Acme], None]]] = {
    "appctl update --check": [newer],
    "appctl update viewer": [forged],
}


def prepare(acme: Acme, machine: Machine) -> tuple[Path, str]:
    """What the document's reader has on the desk, and the publishers in their registries; its digest."""
    desk = machine.directory / "desk"
    desk.mkdir()
    file = acme.introduce()
    for name in ("acme.asc", "corp.asc"):
        (desk / name).write_bytes(file.read_bytes())
    (desk / "password").write_text(f"{PASSWORD}\n")
    acme.release("acme/editor:latest", EDITOR, "1.4", ASKS)
    acme.release("acme/viewer:latest", VIEWER, "2.0")
    acme.unsigned(acme.image("org.acme.Tool", "1.0"), "acme/tool:1")
    _publish_in_corp(acme)
    return desk, acme.unsigned(acme.image("org.tools.Tool", "1.0"), "tools/tool:1")


def _publish_in_corp(acme: Acme) -> None:
    """An image in a registry that wants a login, signed by the same people."""
    places = {"lookaside-staging": f"file://{acme.lookaside.directory}"}
    document = json.dumps({"docker": {"registry.corp": places}})
    (acme.directory / "registries.d/corp.yaml").write_text(document)
    acme.corp.push(
        acme.layout.source(acme.image("org.corp.App", "1.0")),
        "team/app:1",
        f"--sign-by={acme.key}",
        credential=f"{USER}:{PASSWORD}",
        registries_d=acme.directory / "registries.d",
        env={"GNUPGHOME": str(acme.keys.home)},
    )


def typed(acme: Acme, machine: Machine) -> Typed:
    """Type them."""
    desk, digest = prepare(acme, machine)
    told: Typed = []
    for found in _LINE.finditer(DOCUMENT.read_text()):
        words, code = found["words"], int(found["code"] or 0)
        for publish in MEANWHILE.pop(words, []):
            publish(acme)
        line = f"cd {desk} && {words.replace(_DIGEST, digest)}"
        with Terminal(["sh", "-c", line], machine.environment) as terminal:
            ended = terminal.end("y\n")
        told.append((words, code, ended, terminal.lines()))
    return told


if __name__ == "__main__":
    with town(Path(sys.argv[1])) as (publisher, somebodys):
        print(json.dumps(typed(publisher, somebodys)))  # noqa: T201 - a program's answer
