# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""pipeline/gate.py: one at a time moves refs, and a prune keeps what unfinished jobs need."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from appctld.errors import Busy
from appctld.pipeline.gate import Gate


def run(main: Callable[[Gate], Coroutine[Any, Any, None]]) -> None:
    async def start() -> None:
        async with asyncio.timeout(30):
            await main(Gate())

    asyncio.run(start())


async def kept(gate: Gate) -> set[str]:
    async with gate.moving() as refs:
        return refs


async def settle() -> None:
    """Let everything that can go on go on."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_what_a_job_needs_is_told_to_who_prunes_and_forgotten_with_the_job() -> None:
    async def main(gate: Gate) -> None:
        async with gate.keeping({"a", "b"}):
            assert await kept(gate) == {"a", "b"}
        assert await kept(gate) == set()

    run(main)


def test_while_refs_move_and_no_longer_the_machine_is_asked_to_stay_up() -> None:
    up: list[str] = []

    @asynccontextmanager
    async def staying_up() -> AsyncIterator[None]:
        up.append("up")
        try:
            yield
        finally:
            up.append("down")

    async def main() -> None:
        gate = Gate(staying_up)
        async with gate.keeping({"a"}):
            assert up == []
        async with gate.moving():
            assert up == ["up"]
        assert up == ["up", "down"]

    asyncio.run(main())


def test_a_ref_that_two_jobs_need_is_kept_until_the_second_ends() -> None:
    async def main(gate: Gate) -> None:
        async with gate.keeping({"a"}):
            async with gate.keeping({"a", "b"}):
                assert await kept(gate) == {"a", "b"}
            assert await kept(gate) == {"a"}
        assert await kept(gate) == set()

    run(main)


def test_a_job_that_fails_keeps_nothing() -> None:
    async def main(gate: Gate) -> None:
        with pytest.raises(ZeroDivisionError):
            async with gate.keeping({"a"}):
                raise ZeroDivisionError
        assert await kept(gate) == set()

    run(main)


def test_imports_run_side_by_side() -> None:
    async def main(gate: Gate) -> None:
        async with gate.keeping({"a"}), gate.keeping({"b"}):
            assert await kept(gate) == {"a", "b"}

    run(main)


def test_one_at_a_time_moves_refs() -> None:
    async def main(gate: Gate) -> None:
        inside: list[str] = []

        async def move(name: str, go: asyncio.Event) -> None:
            async with gate.moving():
                inside.append(name)
                await go.wait()
                inside.remove(name)

        go = asyncio.Event()
        tasks = [asyncio.create_task(move(name, go)) for name in ("first", "second")]
        await settle()
        assert inside == ["first"]
        go.set()
        await asyncio.wait(tasks)
        assert inside == []

    run(main)


def test_an_import_waits_for_a_prune_that_runs() -> None:
    """Else the prune would drop what the import finds and relies on."""

    async def main(gate: Gate) -> None:
        began = asyncio.Event()

        async def start_import() -> None:
            async with gate.keeping({"a"}):
                began.set()

        async with gate.moving() as refs:
            task = asyncio.create_task(start_import())
            await settle()
            assert not began.is_set()
            assert refs == set()
        await task
        assert began.is_set()

    run(main)


def test_a_prune_waits_for_one_that_moves_and_sees_what_was_added_meanwhile() -> None:
    async def main(gate: Gate) -> None:
        async with gate.keeping({"a"}):
            async with gate.moving():
                prune = asyncio.create_task(kept(gate))
                await settle()
                assert not prune.done()
            assert await prune == {"a"}

    run(main)


def test_who_is_cancelled_while_waiting_holds_nothing() -> None:
    async def main(gate: Gate) -> None:
        async def start_import() -> None:
            async with gate.keeping({"a"}):
                pytest.fail("it was cancelled before")

        async with gate.moving():
            task = asyncio.create_task(start_import())
            await settle()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert await kept(gate) == set()

    run(main)


def test_one_at_a_time_checks_everything_and_the_second_is_told_at_once() -> None:
    async def main(gate: Gate) -> None:
        with gate.checking(), pytest.raises(Busy), gate.checking():
            raise AssertionError
        with pytest.raises(KeyError), gate.checking():
            raise KeyError
        with gate.checking():
            pass

    run(main)
