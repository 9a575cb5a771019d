# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An image that nobody signed, and of which appctl does not do all that it says: what a person sees of that.

At a real pseudo-terminal, with a remote that its file says is not verified: UNSIGNED in red, and each
instruction that is ignored, before it is installed and after.
"""

from collections.abc import Iterator

import pytest

from support.layers.tarball import archive, entry
from support.machines.machine import BIN, Machine
from support.people.terminal import Terminal
from support.publishers.forge import Forgery
from support.publishers.publisher import Publisher

APP = "org.free.Tool"
INSTRUCTIONS = {
    "User": ("1000", "USER (the app runs as you)"),
    "ExposedPorts": ({"80/tcp": {}}, "EXPOSE"),
    "Healthcheck": ({"Test": ["CMD", "/bin/true"]}, "HEALTHCHECK"),
    "StopSignal": ("SIGQUIT", "STOPSIGNAL"),
}


@pytest.fixture(scope="module")
def machine(publisher: Publisher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """`free/plain` has none of the instructions, and is signed by nobody either."""
    images = {"tool": {name: value for name, (value, _) in INSTRUCTIONS.items()}, "plain": {}}
    for name, instructions in images.items():
        forgery = Forgery([archive(entry(b"tool", content=name.encode()))])
        forgery.config["config"] |= {"Labels": {"org.appctl.id": f"org.free.{name.title()}"}, **instructions}
        forgery.push(publisher, f"free/{name}:1", "")
    with Machine(tmp_path_factory.mktemp("unsigned") / "machine", measured=False) as machine:
        url = f"oci+http://{publisher.registry.host}/free"
        machine.configuration.mkdir(parents=True)
        (machine.configuration / "free.conf").write_text(f"[remote]\nurl = {url}\nverify = none\n")
        yield machine


def seen(machine: Machine, words: str) -> Terminal:
    """What a command shows to somebody who says no."""
    with Terminal([str(BIN / "appctl"), *words.split()], machine.environment) as terminal:
        terminal.end("n\n")
    return terminal


def test_what_nobody_signed_is_red_and_what_is_ignored_has_its_name(machine: Machine) -> None:
    ignored = ", ".join(text for _, text in INSTRUCTIONS.values())
    preview = seen(machine, "install free/tool:1")
    assert preview.colours("UNSIGNED") == {"red"}
    assert f"Ignored    {ignored}" in preview.lines()

    machine.appctl("install", "-y", "free/tool:1")
    info = seen(machine, f"info {APP}")
    assert info.colours("UNSIGNED") == {"red"}
    assert ["Ignored:", *ignored.split()] in [line.split() for line in info.lines()]
    listed = seen(machine, "list")
    assert listed.colours("UNSIGNED") == {"red"}
    assert listed.colours(APP) == {"default"}


def test_of_what_is_not_ignored_nothing_is_said(machine: Machine) -> None:
    assert "Ignored" not in "\n".join(seen(machine, "install free/plain:1").lines())
