# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Two connections of one user ask for the same: one job, both are told, and who cancels only leaves."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from jeepney import HeaderFields

from appctld.bus import announcer
from appctld.bus.caller import Caller
from appctld.jobs.job import Job, State
from appctld.jobs.reporting.observer import Observer
from appctld.jobs.requests import AnyRequest
from support.buses.bus import ERROR, JOB, Client, client
from support.buses.bus_service import Running, served


class Gate:
    """Work that goes on when it is let."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()

    async def __call__(self, request: AnyRequest, job: Job, observer: Observer) -> None:
        await self.opened.wait()


@contextlib.asynccontextmanager
async def joined(address: str, gate: Gate | None = None) -> AsyncIterator[tuple[Running, Client, Client]]:
    """A daemon whose work waits, and two callers of one user."""
    async with (
        served(address, gate or Gate()) as running,
        client(address) as first,
        client(address) as second,
    ):
        yield running, first, second


async def install(caller: Client, running: Running) -> str:
    _, (path,) = await caller.call("Install", "asa{sv}", ["acme/x"], {})
    job = running.jobs.get(int(path.rpartition("/")[2]))
    async with asyncio.timeout(20):
        while job.state is not State.RUNNING:  # noqa: ASYNC110 - what happens has no event
            await asyncio.sleep(0)
    return str(path)


async def cancel(caller: Client, path: str) -> str:
    error, _ = await caller.call("Cancel", "a{sv}", {}, path=path, interface=JOB)
    return error


def test_both_get_one_job_and_both_are_told_its_end(address: str) -> None:
    async def scenario() -> None:
        gate = Gate()
        async with joined(address, gate) as (running, first, second):
            path = await install(first, running)
            assert await install(second, running) == path
            assert len(running.requests) == 1
            told = (await second.signal("PropertiesChanged"))[1]
            assert {"State", "Refs", "Title"} <= told.keys(), "and everything at first"
            gate.opened.set()
            for caller in (first, second):
                job, state, *_ = await caller.signal("JobFinished")
                assert (job, state) == (path, "succeeded")

    asyncio.run(scenario())


def test_who_cancels_leaves_it_to_the_other_whoever_came_first(address: str) -> None:
    async def scenario() -> None:
        gate = Gate()
        async with joined(address, gate) as (running, first, second):
            path = await install(first, running)
            await install(second, running)
            assert await cancel(first, path) == ""
            job, state, name, *_ = await first.signal("JobFinished")
            assert (job, state, name) == (path, "cancelled", f"{ERROR}Cancelled")
            assert running.jobs.get(1).state is State.RUNNING
            gate.opened.set()
            _, state, *_ = await second.signal("JobFinished")
            assert state == "succeeded"
            assert first.signals.empty()

    asyncio.run(scenario())


def test_the_last_ones_cancel_ends_it(address: str) -> None:
    async def scenario() -> None:
        async with joined(address) as (running, first, second):
            path = await install(first, running)
            await install(second, running)
            await cancel(first, path)
            await cancel(second, path)
            _, state, *_ = await second.signal("JobFinished")
            assert state == "cancelled"
            assert running.jobs.get(1).state is State.CANCELLED

    asyncio.run(scenario())


def test_two_that_cancel_at_once_leave_it_to_nobody(address: str) -> None:
    async def scenario() -> None:
        async with joined(address) as (running, first, second):
            path = await install(first, running)
            await install(second, running)
            await asyncio.gather(cancel(first, path), cancel(second, path))
            for caller in (first, second):
                assert (await caller.signal("JobFinished"))[1] == "cancelled"
            assert not running.jobs.active()

    asyncio.run(scenario())


def test_who_comes_later_takes_no_news_from_who_was_there(address: str) -> None:
    """A question for a login, say: the first one would wait for ever."""

    async def scenario() -> None:
        gate = Gate()
        async with joined(address, gate) as (running, first, second):
            await install(first, running)
            telling, job = running.jobs.observer, running.jobs.get(1)
            assert isinstance(telling, announcer.Announcer)
            job.state = State.NEEDS_CREDENTIALS
            telling.job_changed(job)
            telling.adopt(job, Caller(job.uid, second.name))
            gate.opened.set()
            for caller in (first, second):
                assert "needs-credentials" in await states_until_the_end(caller)

    asyncio.run(scenario())


async def states_until_the_end(caller: Client) -> list[str]:
    seen: list[str] = []
    while True:
        message = await asyncio.wait_for(caller.signals.get(), 20)
        if message.header.fields[HeaderFields.member] == "JobFinished":
            return seen
        changed: Any = message.body
        if "State" in changed[1]:
            seen.append(changed[1]["State"][1])


def test_who_left_the_bus_keeps_nothing_going(address: str) -> None:
    async def scenario() -> None:
        async with served(address, Gate()) as running, client(address) as second:
            async with client(address) as first:
                path = await install(first, running)
            await install(second, running)
            await cancel(second, path)
            _, state, *_ = await second.signal("JobFinished")
            assert state == "cancelled"
            assert running.jobs.get(1).state is State.CANCELLED

    asyncio.run(scenario())


def test_who_is_not_known_to_be_there_keeps_nothing_going(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with joined(address) as (running, first, second):
            path = await install(first, running)
            await install(second, running)

            async def late(_name: str) -> bool:
                raise TimeoutError

            monkeypatch.setattr(running.connection, "has_owner", late)
            assert await cancel(first, path) == ""
            assert (await first.signal("JobFinished"))[1] == "cancelled"
            assert not running.jobs.active()

    asyncio.run(scenario())


def test_who_never_asked_for_it_ends_it_for_all(address: str) -> None:
    """`appctl cancel`, of the same user."""

    async def scenario() -> None:
        async with joined(address) as (running, first, second):
            path = await install(first, running)
            await install(second, running)
            async with client(address) as other:
                await cancel(other, path)
            for caller in (first, second):
                _, state, *_ = await caller.signal("JobFinished")
                assert state == "cancelled"

    asyncio.run(scenario())


def test_one_connection_that_asks_twice_ends_it_at_once(address: str) -> None:
    async def scenario() -> None:
        async with served(address, Gate()) as running, client(address) as caller:
            path = await install(caller, running)
            assert await install(caller, running) == path
            await cancel(caller, path)
            assert (await caller.signal("JobFinished"))[1] == "cancelled"
            assert running.jobs.get(1).state is State.CANCELLED

    asyncio.run(scenario())


def test_who_asks_for_ever_and_leaves_makes_no_longer_list(address: str) -> None:
    async def scenario() -> None:
        async with served(address, Gate()) as running, client(address) as caller:
            await install(caller, running)
            telling, job = running.jobs.observer, running.jobs.get(1)
            assert isinstance(telling, announcer.Announcer)
            for number in range(announcer.CALLERS + 5):
                telling.adopt(job, Caller(job.uid, f":9.{number}"))
            assert len(telling._owners[1]) == announcer.CALLERS

    asyncio.run(scenario())
