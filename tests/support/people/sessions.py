# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What people see when they use appctl: sessions at a terminal, on a machine where quay.io is at home.

    python -m support.people.sessions WORK       inside namesakes.inside; `tell` starts it

It prints one JSON object: session -> [the lines on the terminal in the end, exit code].
"""

import json
import sys
from pathlib import Path

from support.acme import NAMES, Acme, town
from support.machines.machine import BIN, Machine
from support.machines.namesakes import HOME, run_inside
from support.people.terminal import Terminal
from support.signatures.cosign import CosignKey

EDITOR, VIEWER = "org.acme.Editor", "org.acme.Viewer"
ASKS = "shared=network;\nfilesystems=~/Documents;{}\nsockets=wayland;\n"
MORE = ASKS.format("home;")
WIDE = 250  # columns, so that no address is broken in the middle
Told = dict[str, tuple[list[str], int]]


def tell(work: Path) -> Told:
    """Run this program in a namespace of its own; what it prints."""
    told: Told = run_inside(work, NAMES, "support.people.sessions")
    return told


class Person:
    """Somebody at the terminal of a machine; `told` is what they have seen."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.told: Told = {}

    def session(self, name: str, words: str, answer: str = "\n") -> None:
        """Type a command, and give its questions that answer."""
        command = [str(BIN / "appctl"), *words.split()]
        with Terminal(command, self.machine.environment, columns=WIDE) as terminal:
            code = terminal.end(answer)
        self.told[name] = (terminal.lines(), code)


def told(acme: Acme, machine: Machine) -> Told:
    """Live through all of them."""
    person = Person(machine)
    file = acme.introduce()
    machine.add_remote("acme", "quay.io/acme", file, acme.lookaside.url)
    machine.add_remote("corp", "registry.corp/team", file, acme.lookaside.url)
    acme.release("acme/viewer:latest", VIEWER, "2.0")
    machine.appctl("install", "-y", "acme/viewer")
    installs(person, acme)
    refusals(person, acme)
    changes(person, acme)
    return person.told


def installs(person: Person, acme: Acme) -> None:
    """An install, and what is not installed."""
    acme.release("acme/editor:latest", EDITOR, "1.4", ASKS.format(""), size=2_540_000)
    person.session("install", "install acme/editor")
    person.session("no remote", "install quay.io/other/x:1")
    acme.unsigned(acme.image("org.acme.Tool", "1.0"), "acme/tool:1")
    cosign = acme.directory / "cosign.pub"
    cosign.write_bytes(CosignKey().pem)
    person.machine.appctl("remote", "modify", "acme", "--verify", "gpg+cosign", "--cosign-key", str(cosign))
    person.session("no signature", "install acme/tool:1")
    person.machine.appctl("remote", "modify", "acme", "--verify", "gpg")


def refusals(person: Person, acme: Acme) -> None:
    """A stranger's update, a login that is missing, a disk that is too small."""
    stranger = acme.keys.make("Acme", address="new@acme.example")
    acme.release("acme/editor:latest", EDITOR, "1.5", MORE, key=stranger)
    person.session("another key", "update editor")
    person.session("login", "install --noninteractive corp/app")  # else it asks for the login
    acme.push(acme.image("org.acme.Big", "1.0", size=10**15, shares=False), "acme/big:latest", acme.key)
    person.session("no space", "install acme/big")


def changes(person: Person, acme: Acme) -> None:
    """Updates of which one asks for more; the way back; the end."""
    acme.release("acme/editor:latest", EDITOR, "1.6", MORE)
    acme.release("acme/viewer:latest", VIEWER, "2.1")
    person.session("update", "update", "s\n")
    person.machine.appctl("update", "-y", "--accept-permissions")
    person.session("rollback", "rollback editor")
    data = HOME / ".var/app" / EDITOR
    data.mkdir(parents=True)
    (data / "letter").write_bytes(b"x" * 34_000)
    person.session("uninstall", "uninstall editor")


if __name__ == "__main__":
    with town(Path(sys.argv[1])) as (publisher, somebodys):
        print(json.dumps(told(publisher, somebodys)))  # noqa: T201 - a program's answer
