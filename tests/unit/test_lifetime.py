# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""lifetime.py: when a daemon on a real bus leaves, what it finishes before, and what systemd hears."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from typing import Any

import pytest

from appctld import lifetime
from appctld.bus.wire.connection import BusLostError
from appctld.jobs.job import Job, State
from appctld.jobs.reporting.observer import Observer
from appctld.jobs.requests import AnyRequest
from appctld.lifetime import Lifetime, status
from appctld.system.notify import Notifier
from support.buses.bus import JOB, NAME, Client, client, private_bus
from support.buses.bus_service import Running, served
from support.deciders import nobody
from support.services.manager import heard, hearing, listening

ALWAYS, NEVER = 0.0, 1e6  # idle seconds
Act = Callable[[], Awaitable[None]]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a bus on which one daemon lives after the other."""
    with private_bus(tmp_path_factory.mktemp("bus")) as found:
        yield found


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[tuple[socket, str]]:
    with listening(tmp_path) as both:
        yield both


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A finished job is forgotten at once where no test says otherwise, and a daemon looks often."""
    monkeypatch.setattr("appctld.jobs.queue.KEPT_SECONDS", 0)
    monkeypatch.setattr(lifetime, "LOOK_SECONDS", 0.02)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A finished job is kept until the test lets its minute be over."""
    monkeypatch.setattr("appctld.jobs.queue.KEPT_SECONDS", NEVER)


class Looking(Notifier):
    """Counts how often the daemon looked whether anybody needs it, and stayed: each time it says so."""

    looks = 0

    def alive(self) -> None:
        self.looks += 1
        super().alive()


@dataclass
class Daemon:
    """What a test needs of it; its jobs, and calls to RemoveRemote, wait for `gate`."""

    running: Running
    life: Lifetime
    gate: asyncio.Event
    notifier: Looking

    async def looks_on(self) -> None:
        """Wait until it has looked a few times more, and stayed."""
        enough = self.notifier.looks + 3
        await until(lambda: self.notifier.looks >= enough)

    def forget_jobs(self) -> None:
        """Let the minute be over for which finished jobs are kept."""
        for job in self.running.jobs.all():
            assert job.state.finished
            self.running.jobs._remove(job)

    def around_leaving(self, before: Act, after: Act) -> None:
        """Act once when it has decided to leave and the bus does not know yet, and once when it does."""
        release = self.running.connection.release_name

        async def released(name: str) -> None:
            self.running.connection.release_name = release  # type: ignore[method-assign]
            await before()
            await release(name)
            await after()

        self.running.connection.release_name = released  # type: ignore[method-assign]

    @property
    def unique_name(self) -> str:
        return self.running.connection.unique_name


@asynccontextmanager
async def daemon(
    address: str, *, idle_seconds: float = ALWAYS, notify: str = "", pings: float = 0.0
) -> AsyncIterator[Daemon]:
    gate = asyncio.Event()

    async def work(request: AnyRequest, job: Job, observer: Observer) -> None:
        await gate.wait()
        job.result = {"changed": True}

    async def remove(name: str) -> None:
        await gate.wait()

    async with served(address, work) as running:
        running.remotes.remove = remove  # type: ignore[method-assign]
        notifier = Looking(notify, pings)
        life = Lifetime(running.connection, running.server, running.jobs, notifier, idle_seconds, nobody)
        yield Daemon(running, life, gate, notifier)


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 30))


async def nothing() -> None:
    pass


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - what happens has no event
        await asyncio.sleep(0.001)


async def ask_bus(caller: Client, member: str, signature: str, *body: object) -> Any:  # noqa: ANN401
    bus = "org.freedesktop.DBus"
    error, found = await caller.call(
        member, signature, *body, path="/org/freedesktop/DBus", interface=bus, destination=bus
    )
    return "" if error else found[0]


async def owner(caller: Client) -> str:
    return str(await ask_bus(caller, "GetNameOwner", "s", NAME))


async def begin(caller: Client) -> str:
    """Start a job; its path."""
    error, body = await caller.call("Prune", "a{sv}", {})
    assert error == "", body
    return str(body[0])


def test_a_daemon_that_nobody_calls_leaves(address: str) -> None:
    async def scenario() -> None:
        async with daemon(address) as one, client(address) as caller:
            await one.life.run()
            assert await owner(caller) == ""

    run(scenario)


@pytest.mark.usefixtures("kept")
def test_it_stays_for_a_job_and_for_the_moment_after_it(address: str) -> None:
    async def scenario() -> None:
        async with daemon(address) as one, client(address) as caller:
            path = await begin(caller)
            life = asyncio.create_task(one.life.run())
            await one.looks_on()
            one.gate.set()
            assert (await caller.signal("JobFinished"))[:2] == (path, "succeeded")
            await one.looks_on()
            assert (await caller.get_all(path, JOB))["Result"] == {"changed": ("b", True)}
            assert not life.done()  # who was away for a moment can still ask
            one.forget_jobs()
            await life

    run(scenario)


def test_it_stays_for_who_wants_it(address: str) -> None:
    async def scenario() -> None:
        async with daemon(address) as one:
            wanted = [True, True, True, False, False]

            async def is_wanted() -> bool:
                return wanted.pop(0)

            one.life.is_wanted = is_wanted
            await one.life.run()
            assert wanted == []

    run(scenario)


def test_who_says_in_the_instant_of_leaving_that_it_should_stay_is_heard(address: str) -> None:
    async def scenario() -> None:
        async with daemon(address) as one, client(address) as caller:
            wanted, owners = [False, True, True, False, False], []

            async def is_wanted() -> bool:
                owners.append(await owner(caller))
                return wanted.pop(0)

            one.life.is_wanted = is_wanted
            await one.life.run()
            name = one.unique_name
            assert owners == [name, "", name, name, ""]

    run(scenario)


def test_a_job_that_is_begun_in_the_instant_of_leaving_is_done_and_told_and_others_are_served(
    address: str,
) -> None:
    async def scenario() -> None:
        async with daemon(address) as one, client(address) as caller, client(address) as other:
            begun: list[str] = []
            owners: list[str] = []

            async def call() -> None:
                begun.append(await begin(caller))

            async def gone() -> None:
                owners.append(await owner(other))

            one.around_leaving(call, gone)
            life = asyncio.create_task(one.life.run())
            await until(lambda: begun and owners)
            assert owners == [""]
            while await owner(other) != one.unique_name:
                pass
            assert (await other.call("List", "a{sv}", {}))[0] == ""
            one.gate.set()
            assert (await caller.signal("JobFinished"))[:2] == (begun[0], "succeeded")
            await life
            assert await owner(other) == ""

    run(scenario)


def test_such_a_job_is_done_also_when_another_daemon_has_the_name_meanwhile(address: str) -> None:
    async def scenario() -> None:
        async with daemon(address) as one, client(address) as caller, client(address) as other:

            async def call() -> None:
                await begin(caller)

            async def taken() -> None:
                assert await ask_bus(other, "RequestName", "su", NAME, 0) == 1
                one.gate.set()

            one.around_leaving(call, taken)
            await one.life.run()
            assert (await caller.signal("JobFinished"))[1] == "succeeded"
            assert await owner(caller) == other.name

    run(scenario)


@pytest.mark.parametrize("patience", [30.0, 0.01])
def test_a_call_that_comes_in_the_instant_of_leaving_is_answered_however_long_it_takes(
    address: str, monkeypatch: pytest.MonkeyPatch, patience: float
) -> None:
    monkeypatch.setattr(lifetime, "ANSWER_SECONDS", patience)

    async def scenario() -> None:
        async with daemon(address) as one, client(address) as caller:
            calls: list[asyncio.Task[tuple[str, Any]]] = []

            async def call() -> None:
                calls.append(asyncio.create_task(caller.call("RemoveRemote", "sa{sv}", "acme", {})))
                await until(lambda: one.running.server.is_answering)

            async def gone() -> None:
                asyncio.get_running_loop().call_later(0.1, one.gate.set)

            one.around_leaving(call, gone)
            await one.life.run()
            assert not one.running.server.is_answering, "the process would end now"
            assert (await calls[0])[0] == ""

    run(scenario)


def test_others_are_served_while_such_a_call_is_answered(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifetime, "ANSWER_SECONDS", 0.01)

    async def scenario() -> None:
        async with daemon(address) as one, client(address) as caller:
            calls: list[asyncio.Task[tuple[str, Any]]] = []
            left = asyncio.Event()

            async def call() -> None:
                calls.append(asyncio.create_task(caller.call("RemoveRemote", "sa{sv}", "acme", {})))
                await until(lambda: one.running.server.is_answering)

            async def gone() -> None:
                left.set()

            one.around_leaving(call, gone)
            life = asyncio.create_task(one.life.run())
            await left.wait()
            while await owner(caller) != one.unique_name:  # noqa: ASYNC110 - what happens has no event
                await asyncio.sleep(0.01)
            one.gate.set()
            await life
            assert (await calls[0])[0] == ""

    run(scenario)


def test_a_bus_that_takes_nothing_is_given_up_once_no_job_works(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifetime, "STUCK_SECONDS", -1.0)  # so that this one is

    async def scenario() -> None:
        async with daemon(address, idle_seconds=1000.0) as one, client(address) as caller:
            await begin(caller)
            life = asyncio.create_task(one.life.run())
            await one.looks_on()
            assert not life.done()
            one.gate.set()
            with pytest.raises(BusLostError):
                await life

    run(scenario)


def test_who_came_in_the_last_instant_has_so_long_and_no_longer(
    address: str, monkeypatch: pytest.MonkeyPatch, manager: tuple[socket, str]
) -> None:
    monkeypatch.setattr(lifetime, "LINGER_SECONDS", 0.05)
    said, notify = manager

    async def scenario() -> None:
        async with daemon(address, notify=notify) as one, client(address) as caller:

            async def call() -> None:
                assert heard(said)[-1] == "STOPPING=1"  # before the name goes
                await begin(caller)

            one.around_leaving(call, nothing)
            await one.life.run()
            (job,) = one.running.jobs.all()
            assert job.state is State.RUNNING  # whoever ends the daemon ends it

    run(scenario)
    assert "EXTEND_TIMEOUT_USEC=200000" in heard(said)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once(address: str, number: int, manager: tuple[socket, str]) -> None:
    said, notify = manager

    async def scenario() -> None:
        async with daemon(address, idle_seconds=NEVER, notify=notify) as one, client(address) as caller:
            await begin(caller)
            life = asyncio.create_task(one.life.run())
            await one.looks_on()
            os.kill(os.getpid(), number)
            await life

    run(scenario)
    assert heard(said)[-1] == "STOPPING=1"


def test_a_bus_that_goes_away_is_an_error(tmp_path: Path) -> None:
    async def scenario(address: str) -> None:
        async with daemon(address, idle_seconds=NEVER) as one:
            life = asyncio.create_task(one.life.run())
            await one.looks_on()
            bus.close()
            with pytest.raises(BusLostError):
                await life

    with ExitStack() as bus:
        address = bus.enter_context(private_bus(tmp_path))
        run(lambda: scenario(address))


@pytest.mark.usefixtures("kept")
def test_systemd_hears_that_we_serve_what_we_do_and_that_we_leave(
    address: str, manager: tuple[socket, str]
) -> None:
    said, notify = manager
    lines: list[str] = []

    async def scenario() -> None:
        nonlocal lines
        async with daemon(address, notify=notify, pings=0.01) as one, client(address) as caller:
            await begin(caller)
            with hearing(said) as lines:
                life = asyncio.create_task(one.life.run())
                await until(lambda: lines.count("WATCHDOG=1") > 1)
                one.gate.set()
                await until(lambda: "STATUS=Idle" in lines)
                one.forget_jobs()
                await life

    run(scenario)
    told = [line for line in dict.fromkeys(lines) if line != "WATCHDOG=1"]
    assert told == ["READY=1", "STATUS=Jobs: 1 prune", "STATUS=Idle", "STOPPING=1"]


def test_a_loop_that_is_stuck_says_nothing(address: str, manager: tuple[socket, str]) -> None:
    said, notify = manager

    async def scenario() -> None:
        async with daemon(address, idle_seconds=NEVER, notify=notify, pings=0.01) as one:
            life = asyncio.create_task(one.life.run())
            await one.looks_on()
            assert "WATCHDOG=1" in heard(said)
            time.sleep(0.1)  # noqa: ASYNC251 - what the watchdog is for
            assert heard(said) == []
            life.cancel()

    run(scenario)


def job(kind: str, state: State) -> Job:
    return Job(
        1, kind, ("quay.io/acme/secret:1",), 1000, background=False, title="Install secret", state=state
    )


@pytest.mark.parametrize(
    ("active", "text"),
    [
        ([], "Idle"),
        ([job("install", State.RUNNING)], "Jobs: 1 install"),
        (
            [job(kind, State.QUEUED) for kind in ("update", "install", "update")],
            "Jobs: 1 install, 2 update",
        ),
        (
            [
                job("install", State.NEEDS_CREDENTIALS),
                job("verify", State.AUTHORIZING),
                job("verify", State.RUNNING),
            ],
            "Jobs: 1 install, 2 verify; 2 of them waiting for an answer",
        ),
    ],
)  # fmt: skip
def test_everybody_may_read_kinds_and_numbers_and_no_more(active: list[Job], text: str) -> None:
    assert status(active) == text
