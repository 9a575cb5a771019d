# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is done aside from the loop: in order, whole, and waited for. Nothing here depends on time."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from appctld.errors import Failed
from appctld.system.aside import Aside

PATIENCE = 30.0  # seconds, after which what should have come never will


class Held:
    """Work that notes when it begins and ends, and in between waits for `go`."""

    def __init__(self, notes: list[str], name: str = "held") -> None:
        self.begun, self.go = threading.Event(), threading.Event()
        self._notes, self._name = notes, name

    def __call__(self) -> str:
        self._notes.append(f"{self._name} begins")
        self.begun.set()
        assert self.go.wait(PATIENCE), "the loop did not turn"
        self._notes.append(f"{self._name} ends")
        return self._name


@contextmanager
def held(notes: list[str]) -> Iterator[Held]:
    """Such work; a test that fails leaves no thread waiting."""
    work = Held(notes)
    try:
        yield work
    finally:
        work.go.set()


async def until(event: threading.Event) -> None:
    """Wait for another thread, and let the loop turn."""
    assert await asyncio.to_thread(event.wait, PATIENCE)


async def turns() -> None:
    """Let the loop turn so often that whatever is ready was done."""
    for _ in range(20):
        await asyncio.sleep(0)


def test_what_the_work_returns_or_raises_arrives() -> None:
    def fails() -> None:
        raise Failed("no")

    async def scenario() -> None:
        aside = Aside()
        assert await aside(divmod, 7, 4) == (1, 3)
        assert await aside(int, "11", base=2) == 3
        with pytest.raises(Failed, match="no"):
            await aside(fails)

    asyncio.run(scenario())


def test_the_loop_turns_meanwhile() -> None:
    async def scenario(work: Held) -> str:
        asyncio.get_running_loop().call_soon(work.go.set)
        return await Aside()(work)

    with held([]) as work:
        assert asyncio.run(scenario(work)) == "held"


def test_one_piece_is_done_after_the_other_in_the_order_in_which_they_came() -> None:
    notes: list[str] = []

    async def scenario(first: Held) -> None:
        aside = Aside()
        before = asyncio.create_task(aside(first))
        await until(first.begun)
        pieces = [asyncio.create_task(aside(notes.append, f"{number}")) for number in range(20)]
        await turns()
        assert notes == ["held begins"]
        first.go.set()
        await asyncio.wait([before, *pieces])

    with held(notes) as first:
        asyncio.run(scenario(first))
    assert notes == ["held begins", "held ends", *map(str, range(20))]


@pytest.mark.parametrize("times", [1, 3])
def test_who_is_cancelled_goes_on_when_the_work_is_done_and_stays_cancelled(times: int) -> None:
    notes: list[str] = []

    async def scenario(work: Held) -> None:
        lock, aside = asyncio.Lock(), Aside()

        async def gated() -> None:
            async with lock:
                await aside(work)
            notes.append("not reached")

        task = asyncio.create_task(gated())
        await until(work.begun)
        for _ in range(times):
            task.cancel()
            await turns()
        assert not task.done()
        assert lock.locked()
        work.go.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not lock.locked()

    with held(notes) as work:
        asyncio.run(scenario(work))
    assert notes == ["held begins", "held ends"]


def test_work_that_waits_for_its_turn_is_done_although_its_caller_is_cancelled() -> None:
    notes: list[str] = []

    async def scenario(first: Held) -> None:
        aside = Aside()
        before = asyncio.create_task(aside(first))
        await until(first.begun)
        task = asyncio.create_task(aside(notes.append, "second"))
        await turns()
        task.cancel()
        await turns()
        assert not task.done()
        first.go.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await before == "held"

    with held(notes) as first:
        asyncio.run(scenario(first))
    assert notes == ["held begins", "held ends", "second"]


@pytest.mark.filterwarnings("error")
def test_a_failure_that_nobody_waits_for_any_more_is_no_other_error() -> None:
    complaints: list[object] = []

    async def scenario(work: Held) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, facts: complaints.append(facts))

        def fails() -> None:
            work()
            raise Failed("the disk is full")

        task = asyncio.create_task(Aside()(fails))
        await until(work.begun)
        task.cancel()
        await turns()
        work.go.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    with held([]) as work:
        asyncio.run(scenario(work))
    assert complaints == []
