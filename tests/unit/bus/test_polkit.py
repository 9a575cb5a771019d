# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""polkit's answers, from a simulator behind polkitd's interface, and the same-user rule."""

import asyncio
import os

import pytest

from appctld.bus import polkit
from appctld.bus.caller import Caller
from appctld.bus.polkit import PolkitAuthorizer, SessionAuthorizer
from appctld.bus.wire.connection import connect
from appctld.bus.wire.questions import BusCallError
from appctld.errors import NotAuthorized, PolkitRequired
from support.services.polkit import CHALLENGE, DISMISSED, NO, YES, SimulatedPolkit, simulated_polkit

ME = os.getuid()
DAEMON = ME + 1
DETAILS = {"remote": "acme", "reference": "quay.io/acme/x:1", "digest": "", "verify": "gpg"}
PRESENT = ":1.0"  # the first connection of a bus, which here is the daemon's
SILENT = Caller(ME, PRESENT)
ASKABLE = Caller(ME, PRESENT, interactive=True)
GONE = Caller(ME, ":1.77")


def ask(address: str, setup: SimulatedPolkit | None, caller: Caller, *, only_can: bool = False) -> str:
    """The outcome of one question, and what the simulator was asked is left in `setup`."""

    async def scenario() -> str:
        connection = await connect(address)
        authorizer = PolkitAuthorizer(connection, DAEMON)
        try:
            if setup is None:
                return await _outcome(authorizer, caller, only_can=only_can)
            async with simulated_polkit(address) as running:
                running.answer, running.signature = setup.answer, setup.signature
                try:
                    return await _outcome(authorizer, caller, only_can=only_can)
                finally:
                    setup.asked = running.asked
        finally:
            await connection.close()

    return asyncio.run(scenario())


async def _outcome(authorizer: PolkitAuthorizer, caller: Caller, *, only_can: bool) -> str:
    try:
        if only_can:
            return await authorizer.can(caller, "install")
        await authorizer.authorize(caller, "install", DETAILS)
    except (NotAuthorized, PolkitRequired) as error:
        return error.name
    return "yes"


ANSWERS: list[tuple[list[object] | str, str, Caller, str]] = [
    (YES, "(bba{ss})", SILENT, "yes"),
    (YES, "(bba{ss})", GONE, "NotAuthorized"),
    (NO, "(bba{ss})", SILENT, "NotAuthorized"),
    (CHALLENGE, "(bba{ss})", SILENT, "PolkitRequired"),
    (CHALLENGE, "(bba{ss})", ASKABLE, "PolkitRequired"),  # there is no agent
    (DISMISSED, "(bba{ss})", ASKABLE, "NotAuthorized"),
    ("org.freedesktop.PolicyKit1.Error.Failed", "", ASKABLE, "NotAuthorized"),
    ("org.freedesktop.PolicyKit1.Error.NotAuthorized", "", ASKABLE, "NotAuthorized"),
    ("org.freedesktop.DBus.Error.NameHasNoOwner", "", ASKABLE, "NotAuthorized"),  # the caller left
    ("org.freedesktop.DBus.Error.NoReply", "", ASKABLE, "PolkitRequired"),
    ([1, 0], "(ii)", SILENT, "NotAuthorized"),
    (["yes"], "(s)", SILENT, "NotAuthorized"),
]


@pytest.mark.parametrize(("answer", "signature", "caller", "outcome"), ANSWERS)
def test_only_a_plain_yes_is_a_yes(
    address: str, answer: list[object] | str, signature: str, caller: Caller, outcome: str
) -> None:
    assert ask(address, SimulatedPolkit(answer, signature), caller) == outcome


@pytest.mark.parametrize("failure", [TimeoutError(), BusCallError("org.freedesktop.DBus.Error.NoMemory", "")])
def test_a_bus_that_does_not_say_who_is_there_is_a_no(
    address: str, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    async def scenario() -> None:
        connection = await connect(address)
        async with simulated_polkit(address):
            authorizer = PolkitAuthorizer(connection, DAEMON)
            ask_driver = connection.ask_driver

            async def slow(member: str, *more: object) -> list[object]:
                if member == "NameHasOwner":
                    raise failure
                return await ask_driver(member, *more)  # type: ignore[arg-type]

            monkeypatch.setattr(connection, "ask_driver", slow)
            with pytest.raises(NotAuthorized):
                await authorizer.authorize(SILENT, "install", DETAILS)
        await connection.close()

    asyncio.run(scenario())


def test_without_polkitd_nothing_is_allowed(address: str) -> None:
    assert ask(address, None, ASKABLE) == "PolkitRequired"


@pytest.mark.parametrize(("caller", "flags"), [(SILENT, 0), (ASKABLE, 1)])
def test_the_question_is_about_the_sender_and_carries_the_details(
    address: str, caller: Caller, flags: int
) -> None:
    setup = SimulatedPolkit()
    ask(address, setup, caller)
    [[subject, action, details, asked_flags, cancellation]] = setup.asked
    assert isinstance(subject, list | tuple)
    assert subject[0] == "system-bus-name"
    assert {key: value.value for key, value in subject[1].items()} == {"name": PRESENT}
    assert (action, details, asked_flags) == ("org.appctl.Installer1.install", DETAILS, flags)
    assert cancellation


def test_the_daemons_own_user_is_not_asked_about(address: str) -> None:
    assert ask(address, None, Caller(DAEMON, ":1.78")) == "yes"
    assert ask(address, None, Caller(DAEMON, ":1.78"), only_can=True) == "yes"


@pytest.mark.parametrize(("answer", "outcome"), [(YES, "yes"), (NO, "no"), (CHALLENGE, "challenge")])
def test_can_says_what_would_happen_and_lets_nobody_be_asked(
    address: str, answer: list[object], outcome: str
) -> None:
    setup = SimulatedPolkit(answer)
    assert ask(address, setup, ASKABLE, only_can=True) == outcome
    assert setup.asked[0][3] == 0


def test_an_answer_that_never_comes_is_a_no_and_the_dialog_goes_away(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polkit, "QUESTION_SECONDS", 0.2)

    async def scenario() -> None:
        connection = await connect(address)
        async with simulated_polkit(address) as running:
            running.answer = None
            with pytest.raises(PolkitRequired):
                await PolkitAuthorizer(connection, DAEMON).authorize(ASKABLE, "install", DETAILS)
            assert await asyncio.wait_for(running.cancelled.get(), 20) == running.asked[0][4]
        await connection.close()

    asyncio.run(scenario())


def test_cancelling_who_waits_takes_the_dialog_away(address: str) -> None:
    async def scenario() -> None:
        connection = await connect(address)
        async with simulated_polkit(address) as running:
            running.answer = None
            authorizer = PolkitAuthorizer(connection, DAEMON)
            waiting = asyncio.create_task(authorizer.authorize(ASKABLE, "install", DETAILS))
            await asyncio.wait_for(running.arrived.wait(), 20)
            waiting.cancel()
            assert await asyncio.wait_for(running.cancelled.get(), 20) == running.asked[0][4]
            with pytest.raises(asyncio.CancelledError):
                await waiting
        await connection.close()

    asyncio.run(scenario())


def test_in_the_user_scope_only_the_same_user_may() -> None:
    authorizer = SessionAuthorizer(ME)
    asyncio.run(authorizer.authorize(SILENT, "install", DETAILS))
    assert asyncio.run(authorizer.can(SILENT, "install")) == "yes"
    for uid in (DAEMON, ME + 4711):
        with pytest.raises(NotAuthorized):
            asyncio.run(authorizer.authorize(Caller(uid, ":1.1"), "install", DETAILS))
        assert asyncio.run(authorizer.can(Caller(uid, ":1.1"), "install")) == "no"
