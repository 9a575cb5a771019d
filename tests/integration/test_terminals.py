# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Terminals of all kinds: narrow ones, dumb ones, ones that change; and what strangers wrote on any of them.

Everything is real: pseudo-terminal, client, daemon, registry, keys.
"""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from support.layers.tarball import archive, entry
from support.machines.machine import BIN, Machine
from support.people.terminal import PATIENCE, Terminal
from support.publishers.forge import Forgery
from support.publishers.publisher import Publisher
from support.servers.shelf import Shelf, Shelved

APP = "org.acme.Sorter"
TITLE = "Za\u017c\u00f3\u0142\u0107 \u202eg\u0119\u015bl\u0105\u202c \u200bja\u017a\u0144"
SHOWN = r"Zażółć \u202egęślą\u202c \u200bjaźń"
HOSTILE = re.compile("[\u202a-\u202e\u2066-\u2069\u200b-\u200f\ufeff\u00ad]")
SGR = re.compile(rb"\x1b\[[0-9;]*m")
NARROW = (40, 20)
METADATA = (
    f"[Application]\nname={APP}\ncommand=/bin/true\n[Context]\nshared=network;\nfilesystems=~/\u202ex;\n"
)
READING = (
    "list", "list --columns=name,id,version,kind", f"info {APP}", "history", "history --failed",
    "remote list", "remote show acme", "jobs", "ps", "update --check", "install acme/sorter:1", "version",
    f"uninstall {APP} --noninteractive", "info \u202esorter", "install acme/\u202esorter:1",
    "prune --dry-run",
)  # fmt: skip


@pytest.fixture(scope="module")
def machine(publisher: Publisher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """An app is installed whose publisher has strange names for everything."""
    work = tmp_path_factory.mktemp("terminals")
    key = publisher.keys.make("Acme", address="rel@acme.example")
    file = work / "acme.asc"
    file.write_bytes(publisher.keys.export(key))
    said = entry(b"app/metadata", content=METADATA.encode())
    forgery = Forgery([archive(entry(b"app/", kind=b"5"), said, entry(b"large", content=b"x" * 50_000))])
    forgery.config["config"]["Labels"] = {
        "org.appctl.id": APP,
        "org.opencontainers.image.title": TITLE,
        "org.opencontainers.image.version": "1.0\u200b",
        "org.appctl.metadata": METADATA,
    }
    forgery.push(publisher, "acme/sorter:1", key)
    with Machine(work / "machine", measured=False) as machine:
        url = f"oci+http://{publisher.registry.host}/acme"
        machine.add_remote("acme", url, file, publisher.lookaside.url, "--title", "Zażółć")
        machine.appctl("install", "-y", "acme/sorter:1")
        yield machine


def shown(machine: Machine, words: str, **more: Any) -> Terminal:  # noqa: ANN401 - as Terminal takes it
    """What a command leaves on a terminal."""
    command = [str(BIN / "appctl"), *words.split()]
    with Terminal(command, machine.environment, **more) as terminal:
        terminal.end("n\n")
    return terminal


@pytest.mark.parametrize("words", READING)
def test_nothing_that_strangers_wrote_is_obeyed_or_hidden(machine: Machine, words: str) -> None:
    terminal = shown(machine, words)
    assert terminal.lines() or words in {"jobs", "ps", "history --failed"}
    assert not HOSTILE.search(terminal.raw.decode()), terminal.lines()
    assert "Traceback" not in "\n".join(terminal.lines())


def test_strange_names_are_spelled_out(machine: Machine) -> None:
    text = "\n".join(shown(machine, f"info {APP}").lines())
    for part in (SHOWN, r"1.0\u200b", r"~/\u202ex (read, write)"):
        assert part in text


@pytest.mark.parametrize("columns", NARROW)
@pytest.mark.parametrize("words", ["list", f"info {APP}", "install acme/sorter:1", "history", "remote list"])
def test_on_a_narrow_terminal_nothing_is_lost(machine: Machine, words: str, columns: int) -> None:
    """Lines are broken where the terminal ends, and every word of the wide one is there."""
    wide, narrow = (shown(machine, words, columns=width, rows=200).lines() for width in (300, columns))
    assert all(len(line) <= columns for line in narrow)
    wanted = {word for line in wide[words in {"list", "history", "remote list"} :] for word in line.split()}
    seen = "".join("".join(line.split()) for line in narrow)
    assert {word for word in wanted if word not in seen} == set()


@pytest.mark.parametrize("columns", NARROW)
def test_a_table_that_does_not_fit_is_told_row_by_row(machine: Machine, columns: int) -> None:
    lines = shown(machine, "list --columns=id,version,remote,size", columns=columns).lines()
    assert lines[0] == APP
    assert "  Remote: acme" in lines
    assert shown(machine, "list --columns=id", columns=40).lines()[0] == "Application ID"


PLAIN: dict[str, tuple[dict[str, str], str | None, str]] = {
    "TERM=dumb": ({}, "dumb", ""),
    "no TERM": ({}, None, ""),
    "NO_COLOR": ({"NO_COLOR": "1"}, "xterm", ""),
    "--no-color": ({}, "xterm", " --no-color"),
}


@pytest.mark.parametrize("how", PLAIN)
@pytest.mark.parametrize("words", ["list", f"info {APP}", "nosuch", "install acme/sorter:1 --reinstall"])
def test_nobody_gets_colours_who_cannot_or_will_not(machine: Machine, words: str, how: str) -> None:
    variables, term, more = PLAIN[how]
    command = [str(BIN / "appctl"), *f"{words}{more}".split()]
    assert SGR.search(shown(machine, words).raw)
    with Terminal(command, machine.environment | variables, term=term) as terminal:
        terminal.end("y\n")
    assert not SGR.search(terminal.raw), terminal.raw
    if term != "xterm":
        assert b"\x1b" not in terminal.raw


def test_a_pipe_gets_text_and_nothing_else(machine: Machine) -> None:
    for words in (["list"], ["info", APP], ["install", "-y", "--reinstall", "acme/sorter:1"], ["nosuch"]):
        ran = machine.appctl(*words, code=None)
        assert "\x1b" not in ran.out + ran.err
        assert "\r" not in ran.out + ran.err


def test_a_reader_that_leaves_early_is_no_error_to_tell(machine: Machine) -> None:
    script = f"set -o pipefail; '{BIN / 'appctl'}' info {APP} | true; '{BIN / 'appctl'}' list | head -c 1"
    ran = subprocess.run(["bash", "-c", script], env=machine.environment, capture_output=True, check=False)
    assert ran.stderr == b""


@pytest.mark.parametrize("where", ["</dev/null", "<&-"])
def test_without_anybody_to_ask_nothing_is_done_and_nothing_hangs(machine: Machine, where: str) -> None:
    before = machine.appctl("list", "--json").json
    for words in (
        f"uninstall {APP}",
        "install --reinstall acme/sorter:1",
        "remote modify acme --verify none",
    ):
        ran = subprocess.run(
            ["sh", "-c", f"'{BIN / 'appctl'}' {words} {where}"],
            env=machine.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ran.returncode == 64, ran
        assert "a person must answer" in ran.stderr
    assert machine.appctl("list", "--json").json == before


@pytest.mark.parametrize("locale", ["C", "POSIX", "C.UTF-8"])
def test_letters_that_a_locale_has_none_for_stop_nothing(machine: Machine, locale: str) -> None:
    environment = {name: value for name, value in machine.environment.items() if not name.startswith("LC_")}
    for more in ({}, {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}):
        ran = subprocess.run(
            [str(BIN / "appctl"), "list", "--columns=name"],
            env={**environment, "LANG": locale, "LC_ALL": locale, **more}, capture_output=True, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran
        assert ran.stdout.splitlines()[1] in {SHOWN.encode(), SHOWN.encode("ascii", "backslashreplace")}


# --- while something goes on


@pytest.fixture
def slow(machine: Machine) -> Iterator[tuple[Shelf, Shelved]]:
    """An image whose download stands still in the middle, for who asks first."""
    with Shelf() as shelf:
        image = shelf.put("demo/slow", [archive(entry(b"large", content=os.urandom(8 << 20)))])
        shelf.stall_once(image.layers[0])
        machine.add_remote("slow", f"oci+http://{shelf.host}/demo", None, "", "--verify", "digest")
        yield shelf, image
        machine.appctl("uninstall", "-y", "slow", code=None)
        machine.appctl("remote", "remove", "slow", "-y", code=None)


@contextmanager
def downloading(machine: Machine, slow: tuple[Shelf, Shelved], **more: Any) -> Iterator[Terminal]:  # noqa: ANN401
    """An install that stands still in the middle of a download, with its bar drawn."""
    shelf, image = slow
    command = [str(BIN / "appctl"), "install", "-y", image.reference]
    with Terminal(command, machine.environment, **more) as terminal:
        terminal.wait(lambda: shelf.served(image.layers[0]) and b"Install 1" in terminal.raw, "a bar")
        yield terminal


def drawn_over(terminal: Terminal) -> bool:
    """Whether nothing of a bar is left on the screen."""
    return not re.search(r"━|\d/8\.4 MB|Install 1|\?$", "\n".join(terminal.lines()))


def unfinished(machine: Machine) -> list[str]:
    jobs = machine.appctl("jobs", "--json").json
    return [job["state"] for job in jobs if job["state"] in {"queued", "authorizing", "running"}]


def installs(machine: Machine, image: Shelved) -> list[str]:
    """The state of each."""
    jobs = machine.appctl("jobs", "--json").json
    return [job["state"] for job in jobs if job["kind"] == "install" and job["refs"] == [image.reference]]


@pytest.mark.parametrize("columns", [100, *NARROW])
def test_ctrl_c_cancels_and_leaves_nothing_of_the_bar(
    machine: Machine, slow: tuple[Shelf, Shelved], columns: int
) -> None:
    with downloading(machine, slow, columns=columns) as terminal:
        terminal.type("\x03")
        assert terminal.end() == 130
    assert drawn_over(terminal), terminal.lines()
    assert "Cancelling; Ctrl-C again leaves at once." in "".join(terminal.lines())
    assert unfinished(machine) == []


def test_a_second_ctrl_c_leaves_at_once(machine: Machine, slow: tuple[Shelf, Shelved]) -> None:
    """The daemon stands still, so that it cannot have cancelled anything."""
    assert machine.daemon is not None
    with downloading(machine, slow) as terminal:
        machine.daemon.send_signal(signal.SIGSTOP)
        try:
            terminal.type("\x03")
            terminal.until("Ctrl-C again leaves at once")
            terminal.type("\x03")
            assert terminal.end() == 130
        finally:
            machine.daemon.send_signal(signal.SIGCONT)
    assert "Traceback" not in "\n".join(terminal.lines())
    assert drawn_over(terminal), terminal.lines()
    end = time.monotonic() + PATIENCE
    while installs(machine, slow[1]) != ["cancelled"]:
        assert time.monotonic() < end, installs(machine, slow[1])
        time.sleep(0.05)


def test_a_window_may_change_while_a_bar_is_drawn(machine: Machine, slow: tuple[Shelf, Shelved]) -> None:
    with downloading(machine, slow, columns=100) as terminal:
        for columns in (30, 20, 120, 40):
            terminal.resize(columns, 24)
        terminal.type("\x03")
        assert terminal.end() == 130
    assert "Traceback" not in "\n".join(terminal.lines())
    assert "Cancelling" in "".join(terminal.lines())
