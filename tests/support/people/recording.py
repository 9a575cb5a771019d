# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The session in README.md, recorded at a terminal on a machine where quay.io is at home.

    python -m support.people.recording WORK       inside namesakes.inside; `record` starts it

scripts/record-session puts it into the document. Questions are answered with return.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

from support.acme import NAMES, Acme, town
from support.machines.machine import Machine
from support.machines.namesakes import run_inside
from support.people.terminal import Terminal

EDITOR = "org.acme.Editor"
ASKS = "shared=network;\nfilesystems=~/Documents;\nsockets=wayland;\n"
COLUMNS = 120


Line = list[tuple[str, str]]
"""Pieces of one line: the text, and how it looks (Terminal.spans)."""


def record(work: Path) -> list[Line]:
    """Run this program in a namespace of its own; what a person sees."""
    lines: list[Line] = run_inside(work, NAMES, "support.people.recording")
    return lines


def _released(version: str) -> Callable[[Acme], None]:
    return lambda acme: acme.release("acme/editor:latest", EDITOR, version, ASKS)


def _forged(acme: Acme) -> None:
    acme.release("acme/editor:latest", EDITOR, "1.6", ASKS, key=acme.keys.make("stranger"))


STEPS: list[tuple[str, str, Callable[[Acme], None] | None]] = [
    (
        "appctl remote add acme quay.io/acme --gpg-import acme.asc --lookaside https://sigs.acme.example",
        "",
        _released("1.4"),
    ),
    ("appctl install acme/editor", "", None),
    ("appctl run editor", "", None),
    ("appctl update", "version 1.5 is published: one new layer", _released("1.5")),
    ("appctl rollback editor", "", None),
    ("appctl update editor", "version 1.6 is published, signed by somebody else", _forged),
    ("appctl list", "", None),
]


def recorded(acme: Acme, machine: Machine) -> list[Line]:
    """Type all of it."""
    file = acme.introduce()
    (machine.directory / "acme.asc").write_bytes(file.read_bytes())
    lines: list[Line] = []
    for words, remark, publish in STEPS:
        if publish is not None:
            publish(acme)
        command = ["sh", "-c", f"cd {machine.directory} && exec {words}"]
        with Terminal(command, machine.environment, columns=COLUMNS) as terminal:
            code = terminal.end("\n")
        typed: Line = [("$ ", "prompt"), (words, "bold")]
        lines += [typed + ([(f"    # {remark}", "remark")] if remark else []), *terminal.spans()]
        lines += [[(f"# exit code {code}", "remark")]] if code else []
    return lines


if __name__ == "__main__":
    with town(Path(sys.argv[1])) as (publisher, somebodys):
        print(json.dumps(recorded(publisher, somebodys)))  # noqa: T201 - a program's answer
