# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""How far updates go by themselves, and clients that handle them, as the bus has it.

Whom polkit is asked about, and what about, is tests/integration/test_polkit.py's.
"""

import asyncio
import os
from contextlib import ExitStack

from appctld.jobs.fairness.questions import WAITING_PER_UID
from appctld.model.automatic import Extent
from support.buses.bus import ERROR, MANAGER, ROOT, client
from support.buses.bus_service import RecordingAuthorizer, served

ME = os.getuid()


def test_how_far_updates_go_is_asked_about_decided_and_told(address: str) -> None:
    async def scenario() -> None:
        authorizer = RecordingAuthorizer()
        async with served(address, authorizer=authorizer) as running, client(address) as caller:
            await caller.subscribe()
            assert await caller.call("SetAutomaticUpdatePolicy", "s", "download") == ("", ())
            assert [action for _, action, _ in authorizer.asked] == ["set-policy"]
            assert running.automatic.said == [("set", Extent.DOWNLOAD)]
            interface, changed, _ = await caller.signal("PropertiesChanged")
            while interface != MANAGER:
                interface, changed, _ = await caller.signal("PropertiesChanged")
            assert changed["AutomaticUpdatePolicy"] == ("s", "download")
            assert (await caller.get_all(ROOT, MANAGER))["AutomaticUpdatePolicy"] == "download"

    asyncio.run(scenario())


def test_what_is_no_policy_is_refused_before_anybody_is_asked(address: str) -> None:
    async def scenario() -> None:
        authorizer = RecordingAuthorizer()
        async with served(address, authorizer=authorizer) as running, client(address) as caller:
            for word in ("", "yes", "INSTALL", "install ", "x" * 5000):
                error, _ = await caller.call("SetAutomaticUpdatePolicy", "s", word)
                assert error == f"{ERROR}InvalidReference"
            assert (authorizer.asked, running.automatic.said) == ([], [])

    asyncio.run(scenario())


def test_a_client_is_known_by_its_connection_and_asked_about_before_it_counts(address: str) -> None:
    async def scenario() -> None:
        authorizer = RecordingAuthorizer()
        async with served(address, authorizer=authorizer) as running, client(address) as caller:
            given = {"handles-updates": ("b", True)}
            assert await caller.call("RegisterClient", "a{sv}", given) == ("", ())
            assert [action for _, action, _ in authorizer.asked] == ["update"]
            assert running.automatic.said == [("register", caller.name, ME, True)]

    asyncio.run(scenario())


def test_a_client_that_handles_nothing_is_not_asked_about(address: str) -> None:
    async def scenario() -> None:
        authorizer = RecordingAuthorizer()
        async with served(address, authorizer=authorizer) as running, client(address) as caller:
            for given in ({}, {"handles-updates": ("b", False)}):
                assert await caller.call("RegisterClient", "a{sv}", given) == ("", ())
            assert authorizer.asked == []
            assert running.automatic.said == [("register", caller.name, ME, False)] * 2

    asyncio.run(scenario())


def test_who_has_too_many_questions_open_is_told_and_nobody_is_asked(address: str) -> None:
    async def scenario() -> None:
        authorizer = RecordingAuthorizer()
        async with served(address, authorizer=authorizer) as running, client(address) as caller:
            with ExitStack() as waiting:
                for _ in range(WAITING_PER_UID):
                    waiting.enter_context(running.jobs.questions.open(ME))
                error, _ = await caller.call("SetAutomaticUpdatePolicy", "s", "none")
                assert error == f"{ERROR}Busy"
                error, _ = await caller.call("RegisterClient", "a{sv}", {"handles-updates": ("b", True)})
                assert error == f"{ERROR}Busy"
            assert (authorizer.asked, running.automatic.said) == ([], [])
            assert await caller.call("SetAutomaticUpdatePolicy", "s", "none") == ("", ())

    asyncio.run(scenario())
