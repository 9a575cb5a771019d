# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Who may do what, asked of the real polkitd with rules: every method, every answer, what happens in between.

What a right password does, and that another user sees nothing of a job, takes two users: scripts/boot-test.
"""

import asyncio
import os
import re
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from jeepney import HeaderFields, Message

from appctld.bus.polkit import ACTIONS
from appctld.bus.wire import schema
from error_table import DOCUMENT, said_in
from support.buses.bus import JOB, NAME, ROOT, Client, client, private_bus, program
from support.buses.bus_arguments import EXAMPLES, in_order
from support.buses.bus_service import INTERFACES, Running
from support.machines.machine import BIN
from support.people.terminal import Terminal
from support.services.guarded import Guarded, system, while_polkitd_thinks
from support.services.polkit_rows import Row, rows
from support.services.polkitd import SILENT, real_polkitd

LOGIN = [{"host": ("s", "h.io"), "username": ("s", "u"), "password": ("s", "p")}]
HERE = {
    **EXAMPLES,
    "name": "acme",
    "reference": "acme/x",
    "refs": ["acme/x"],
    "settings": {"url": ("s", "https://a.example/b"), "verify": ("s", "none")},
}
OPTIONS = {"b": True, "as": ["0" * 64], "aa{sv}": LOGIN}
METHODS = {
    (name, method.name): method
    for name, found in schema.load(INTERFACES).items()
    for method in found.methods.values()
}
SAID = said_in(DOCUMENT.read_text())
ADMINISTRATORS = (Path(__file__).resolve().parents[2] / "docs/administrators.md").read_text()
(RULE,) = re.findall(r"^    polkit\.addRule(?:.*\n)+?    \}\);\n", ADMINISTRATORS, re.MULTILINE)
QUESTIONS = {"NotAuthorized", "PolkitRequired"}
PASSWORD = re.compile(rb"Password:")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    work = tmp_path_factory.mktemp("polkit")
    with private_bus(work) as address, real_polkitd(work / "polkitd", address, RULE) as polkitd:
        yield Guarded(address, polkitd)


async def outcome(caller: Client, row: Row, *, interactive: bool = False) -> str:
    """What comes of the call that a row is about: an error's last part, or nothing."""
    method = METHODS[row.interface, row.method]
    call = in_order(method, HERE)
    *rest, last = call.body or ({},)
    if row.option:
        (kind,) = {arg.keys[row.option][0] for arg in method.ins if row.option in arg.keys}
        assert isinstance(last, dict)
        last = {**last, row.option: (kind, OPTIONS[kind])}
    body = (*rest, last) if method.ins else ()
    path = f"{ROOT}/job/1" if row.interface == JOB else ROOT
    error, answer = await caller.call(
        call.member, call.signature, *body, path=path, interface=row.interface, interactive=interactive
    )
    if not error and method.out_signature == "o" and "/job/" in answer[0]:
        error = (await caller.signal("JobFinished"))[2]
    return str(error).rpartition(".")[2]


def test_every_method_has_a_row() -> None:
    assert {(row.interface, row.method) for row in rows()} == METHODS.keys()


CAN_BE_CALLED = [
    row for row in rows() if row.option != "bundle"
]  # bundle: tests/unit/bus/test_descriptors.py


@pytest.mark.parametrize("row", CAN_BE_CALLED, ids=str)
def test_what_a_row_says_is_asked_and_nothing_else(guarded: Guarded, row: Row) -> None:
    async def scenario() -> None:
        async with system(guarded) as running, client(guarded.address) as caller:
            before = running.remotes.all()
            for action in row.actions:
                guarded.polkitd.say(f"{action}=no *=yes")
                assert await outcome(caller, row) == "NotAuthorized", action
                guarded.polkitd.say(f"{action}=auth_admin *=yes")
                assert await outcome(caller, row, interactive=True) == "PolkitRequired", (
                    "nobody is there to ask"
                )
            assert (running.requests, running.remotes.written, running.remotes.all()) == ([], [], before)
            guarded.polkitd.say(" ".join(f"{action}=yes" for action in row.actions) + " *=no")
            assert await outcome(caller, row) not in QUESTIONS

    asyncio.run(scenario())


INSTALL = Row("org.appctl.Installer1.Manager", "Install", ("install",))
ADD = Row("org.appctl.Installer1.Manager", "AddRemote", ("modify-remote",))


@pytest.mark.parametrize(("answer", "name"), [("no", "NotAuthorized"), ("auth_admin", "PolkitRequired")])
def test_what_polkit_refuses_is_told_as_the_table_of_errors_says(
    guarded: Guarded, answer: str, name: str
) -> None:
    async def scenario() -> None:
        guarded.polkitd.say(f"modify-remote={answer} *=yes")
        async with system(guarded), client(guarded.address) as caller:
            call = in_order(METHODS[ADD.interface, ADD.method], HERE)
            told = await caller.call(
                call.member, call.signature, *call.body, path=ROOT, interface=ADD.interface
            )
            assert told == (f"{NAME}.Error.{name}", ("\nhint: ".join(SAID[name]),))

    asyncio.run(scenario())


@pytest.mark.parametrize(("answer", "word"), [("yes", "yes"), ("no", "no"), ("auth_admin", "challenge")])
def test_what_would_be_said_can_be_asked(guarded: Guarded, answer: str, word: str) -> None:
    async def scenario() -> None:
        guarded.polkitd.say(f"install={answer} *=no")
        async with system(guarded), client(guarded.address) as caller:
            assert await caller.call("CanAuthorize", "s", "install") == ("", (word,))

    asyncio.run(scenario())


def test_a_rule_can_tell_publishers_apart(guarded: Guarded) -> None:
    async def scenario() -> None:
        guarded.polkitd.say("install@acme=yes *=no")
        async with system(guarded) as running, client(guarded.address) as caller:
            assert await outcome(caller, INSTALL) == ""
            for refs in (["other/x"], ["acme/x", "other/x"]):
                await caller.call("Install", "asa{sv}", refs, {})
                assert (await caller.signal("JobFinished"))[2] == f"{NAME}.Error.NotAuthorized"
            assert len(running.requests) == 1

    asyncio.run(scenario())


@pytest.fixture
def deferring(guarded: Guarded) -> Iterator[Guarded]:
    """Only the rule of docs/administrators.md says anything."""
    guarded.polkitd.say(SILENT)
    yield guarded
    guarded.polkitd.join()


@pytest.mark.parametrize(
    ("groups", "refs", "said"),
    [
        (("staff",), ["acme/x"], ""),
        (("users", "staff"), ["acme/x"], ""),
        (("users", "staffs"), ["acme/x"], "PolkitRequired"),
        ((), ["acme/x"], "PolkitRequired"),
        (("staff",), ["other/x"], "PolkitRequired"),
        (("staff",), ["acme/x", "other/x"], "PolkitRequired"),
    ],
)
def test_the_rule_of_the_document_lets_a_group_install_from_one_publisher(
    deferring: Guarded, groups: tuple[str, ...], refs: list[str], said: str
) -> None:
    async def scenario() -> None:
        deferring.polkitd.join(*groups)
        async with system(deferring) as running, client(deferring.address) as caller:
            await caller.call("Install", "asa{sv}", refs, {})
            assert (await caller.signal("JobFinished"))[2].rpartition(".")[2] == said
            assert len(running.requests) == (said == "")

    asyncio.run(scenario())


def test_the_rule_of_the_document_allows_nothing_else(deferring: Guarded) -> None:
    async def scenario() -> None:
        deferring.polkitd.join("staff")
        others = [row for row in CAN_BE_CALLED if {*row.actions} - {"install"}]
        async with system(deferring) as running, client(deferring.address) as caller:
            said = {str(row): await outcome(caller, row) for row in others}
            assert said == dict.fromkeys(map(str, others), "PolkitRequired")
            assert len(said) > len(ACTIONS)
            assert (running.requests, running.remotes.written) == ([], [])

    asyncio.run(scenario())


async def ended(running: Running) -> str:
    """How the only job ended."""
    (job,) = running.jobs.all()
    while running.jobs._tasks:
        await asyncio.wait(running.jobs._tasks.values())
    return job.error.name if job.error else ""


def test_a_yes_that_takes_its_time_is_a_yes(guarded: Guarded) -> None:
    async def scenario() -> None:
        async with system(guarded) as running, client(guarded.address) as caller:
            async with while_polkitd_thinks(guarded, caller):
                assert running.requests == []
            assert await ended(running) == ""
            assert len(running.requests) == 1

    asyncio.run(scenario())


def test_without_polkitd_nothing_is_allowed_until_it_is_back(guarded: Guarded, tmp_path: Path) -> None:
    async def scenario() -> None:
        guarded.polkitd.say("*=yes")
        async with system(guarded) as running, client(guarded.address) as caller:
            guarded.polkitd.stop()
            try:
                for row in (INSTALL, ADD):
                    assert await outcome(caller, row) == "PolkitRequired"
                command = [str(BIN / "appctl"), "--system", "--json", "prune"]
                code, told = await program(*command, env=at_home(guarded, tmp_path))
                assert (code, '"name": "PolkitRequired"' in told) == (4, True), told
                assert "hint: systemctl status polkit    (is it there? apt install polkitd)" in told
                assert (running.requests, running.remotes.written) == ([], [])
            finally:
                guarded.polkitd.start()
            assert await outcome(caller, INSTALL) == ""

    asyncio.run(scenario())


def test_a_polkitd_that_dies_over_a_question_did_not_say_yes(guarded: Guarded) -> None:
    async def scenario() -> None:
        async with system(guarded) as running, client(guarded.address) as caller:
            async with while_polkitd_thinks(guarded, caller):
                guarded.polkitd.stop()
                guarded.polkitd.start()
            assert await ended(running) == "PolkitRequired"
            assert running.requests == []

    asyncio.run(scenario())


def test_whoever_left_before_the_yes_may_nothing(guarded: Guarded) -> None:
    async def scenario() -> None:
        async with system(guarded) as running, AsyncExitStack() as stack:
            leaver = await stack.enter_async_context(client(guarded.address))
            async with while_polkitd_thinks(guarded, leaver):
                await stack.aclose()
            assert await ended(running) == "NotAuthorized"
            assert running.requests == []

    asyncio.run(scenario())


async def names(caller: Client, member: str, *arguments: object) -> None:
    """Ask the bus for a well-known name, or give it back."""
    bus = "org.freedesktop.DBus"
    signature = {"RequestName": "su", "ReleaseName": "s"}[member]
    error, answer = await caller.call(
        member, signature, *arguments, path="/org/freedesktop/DBus", interface=bus, destination=bus
    )
    assert (error, answer) == ("", (1,))


def test_a_name_that_changes_hands_before_the_yes_takes_nothing_along(guarded: Guarded) -> None:
    """The caller is its connection, whatever it is called: whoever has its name afterwards is another."""

    async def scenario() -> None:
        shop = "org.example.Shop"
        async with (
            system(guarded) as running,
            client(guarded.address) as first,
            client(guarded.address) as heir,
        ):
            await names(first, "RequestName", shop, 0)
            async with while_polkitd_thinks(guarded, first):
                await names(first, "ReleaseName", shop)
                await names(heir, "RequestName", shop, 0)
            assert (await first.signal("JobFinished"))[1] == "succeeded"
            await heir.call("List", "a{sv}", {})  # what was sent to it before is here
            assert "JobFinished" not in [told.header.fields.get(HeaderFields.member) for told in queued(heir)]
            assert len(running.requests) == 1

    asyncio.run(scenario())


def queued(caller: Client) -> list[Message]:
    """The signals that reached it."""
    return [caller.signals.get_nowait() for _ in range(caller.signals.qsize())]


def test_what_was_asked_about_is_what_is_done_or_nothing_is(guarded: Guarded) -> None:
    """While polkitd thinks, the remote stops to verify."""

    async def scenario() -> None:
        async with system(guarded) as running, client(guarded.address) as caller:
            async with while_polkitd_thinks(guarded, caller):
                remotes = running.remotes.remotes
                remotes["acme"] = replace(remotes["acme"], verify="none")
            assert await ended(running) == "NotAuthorized"
            assert running.requests == []

    asyncio.run(scenario())


@pytest.mark.parametrize(("answer", "name"), [("no", "NotAuthorized"), ("auth_admin", "PolkitRequired")])
def test_what_polkit_refuses_is_exit_code_4(guarded: Guarded, tmp_path: Path, answer: str, name: str) -> None:
    async def scenario() -> None:
        guarded.polkitd.say(f"prune={answer} *=no")
        async with system(guarded) as running:
            command = [str(BIN / "appctl"), "--system", "--json", "prune"]
            code, told = await program(*command, env=at_home(guarded, tmp_path))
            assert (code, f'"name": "{name}"' in told, "hint: " in told) == (4, True, True), told
            assert running.requests == []

    asyncio.run(scenario())


def at_home(guarded: Guarded, home: Path) -> dict[str, str]:
    """The environment of a user of this bus, at no desktop."""
    away = {"DISPLAY", "WAYLAND_DISPLAY", "APPCTL_SCOPE"}
    environment = {name: value for name, value in os.environ.items() if name not in away}
    return {**environment, "DBUS_SYSTEM_BUS_ADDRESS": guarded.address, "HOME": str(home)}


def test_at_a_terminal_the_question_is_asked_and_a_wrong_password_is_a_no(
    guarded: Guarded, tmp_path: Path
) -> None:
    """By the command line itself; its agent counts although nobody here is in a session."""

    async def scenario() -> None:
        guarded.polkitd.say("prune=auth_admin *=no")
        command = [str(BIN / "appctl"), "--system", "prune"]
        async with system(guarded) as running:
            with Terminal(command, at_home(guarded, tmp_path)) as terminal:
                code = await asyncio.to_thread(terminal.end, "wrong\n", PASSWORD, hidden=True)
            shown = " ".join(terminal.lines())
            assert "Authentication is required to remove what no app needs" in shown
            assert code == 4, shown
            assert running.requests == []

    asyncio.run(scenario())
