# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Clients that handle updates: for as long as they are there, and not too many of one user."""

import asyncio

import pytest

from appctld.errors import LimitExceeded
from appctld.updates import handlers
from appctld.updates.handlers import HANDLERS_A_UID, Handlers


class Bus:
    """Who is on it."""

    def __init__(self, *senders: str) -> None:
        self.there = set(senders)
        self.late = False
        self.asked: list[str] = []

    async def has_owner(self, sender: str) -> bool:
        self.asked.append(sender)
        if self.late:
            raise TimeoutError
        return sender in self.there


def test_a_client_counts_until_it_leaves_the_bus() -> None:
    async def scenario() -> None:
        bus = Bus(":1.1")
        found = Handlers(bus.has_owner)
        assert not await found.any()
        await found.register(":1.1", 1000)
        assert await found.any()
        bus.there.clear()
        assert not await found.any()

    asyncio.run(scenario())


def test_a_client_counts_as_long_as_the_bus_does_not_say_that_it_left() -> None:
    async def scenario() -> None:
        bus = Bus(":1.1")
        found = Handlers(bus.has_owner)
        await found.register(":1.1", 1000)
        bus.late = True
        assert await found.any()
        await found.register(":1.2", 1000)
        bus.late = False
        assert await found.any(), "it registers only once"
        bus.there.clear()
        assert not await found.any()

    asyncio.run(scenario())


def test_no_more_are_asked_about_than_it_takes_to_know() -> None:
    """A daemon that waits asks every two seconds, and tells nobody meanwhile that it is alive."""

    async def scenario() -> None:
        bus = Bus(":1.1", ":1.2", ":1.3")
        found = Handlers(bus.has_owner)
        for sender in sorted(bus.there):
            await found.register(sender, 1000)
        bus.asked.clear()
        assert await found.any()
        assert bus.asked == [":1.1"]
        bus.there.remove(":1.1")
        assert await found.any()
        assert bus.asked[1:] == [":1.1", ":1.2"]

    asyncio.run(scenario())


def test_who_says_otherwise_while_it_is_asked_about_counts_no_longer() -> None:
    async def scenario() -> None:
        async def leaving(sender: str) -> bool:
            found.forget(sender)
            return True

        found = Handlers(leaving)
        await found.register(":1.1", 1000)
        assert not await found.any()

    asyncio.run(scenario())


def test_a_client_counts_until_it_says_otherwise() -> None:
    async def scenario() -> None:
        found = Handlers(Bus(":1.1").has_owner)
        await found.register(":1.1", 1000)
        found.forget(":1.1")
        found.forget(":1.2")
        assert not await found.any()

    asyncio.run(scenario())


def test_one_user_has_some_places_and_who_left_has_none() -> None:
    async def scenario() -> None:
        senders = [f":1.{number}" for number in range(HANDLERS_A_UID)]
        bus = Bus(*senders, ":2.1", ":2.2")
        found = Handlers(bus.has_owner)
        for sender in [*senders, *senders]:
            await found.register(sender, 1000)
        with pytest.raises(LimitExceeded):
            await found.register(":2.1", 1000)
        await found.register(":2.2", 1001)
        bus.there.remove(senders[0])
        await found.register(":2.1", 1000)

    asyncio.run(scenario())


def test_all_users_together_have_some_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers, "HANDLERS", 2)

    async def scenario() -> None:
        found = Handlers(Bus(":1.1", ":1.2", ":1.3").has_owner)
        await found.register(":1.1", 1000)
        await found.register(":1.2", 1001)
        with pytest.raises(LimitExceeded):
            await found.register(":1.3", 1002)

    asyncio.run(scenario())
