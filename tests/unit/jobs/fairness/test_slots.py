# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Places to work: bounded in all and by user, given in turn, never lost."""

import asyncio
from collections.abc import Awaitable, Callable

from appctld.jobs.fairness.slots import Slots

Main = Callable[[Slots, "Workers"], Awaitable[None]]


class Workers:
    """Tasks that hold a place until they are told to end; `order` is who got one."""

    def __init__(self, slots: Slots) -> None:
        self.order: list[str] = []
        self.after: Callable[[], object] = bool  # called once, in the very turn in which a place is given
        self._slots = slots
        self._gates: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def start(self, *names: str) -> None:
        """A name is its user's letter and a number."""
        for name in names:
            self._gates[name] = asyncio.Event()
            self._tasks[name] = asyncio.create_task(self._work(name))
        await settle()

    async def end(self, *names: str) -> None:
        for name in names:
            self._gates[name].set()
        await settle()

    async def cancel(self, *names: str) -> None:
        for name in names:
            self._tasks[name].cancel()
        await settle()

    async def _work(self, name: str) -> None:
        async with self._slots.held(ord(name[0])):
            self.order.append(name)
            await self._gates[name].wait()
        after, self.after = self.after, bool
        after()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def run(main: Main, total: int, per_uid: int, trusted: str = "") -> None:
    async def scenario() -> None:
        slots = Slots(total, per_uid, [ord(uid) for uid in trusted])
        workers = Workers(slots)
        await main(slots, workers)
        for task in workers._tasks.values():
            task.cancel()
        await settle()
        assert not slots._held
        assert not slots._waiting

    asyncio.run(scenario())


def test_no_user_holds_more_than_its_share_and_a_trusted_one_may() -> None:
    async def main(slots: Slots, workers: Workers) -> None:
        await workers.start("a1", "a2", "a3", "a4", "b1", "t1", "t2", "t3", "t4")
        assert workers.order == ["a1", "a2", "b1", "t1", "t2", "t3"]

    run(main, 6, 2, "t")


def test_whoever_holds_fewest_is_next() -> None:
    async def main(slots: Slots, workers: Workers) -> None:
        await workers.start("a1", "a2", "a3", "a4", "b1", "b2")
        await workers.end("a1")
        await workers.end("a2")
        await workers.end("b1")
        assert workers.order == ["a1", "a2", "b1", "a3", "b2"]

    run(main, 2, 2)


def test_the_turns_go_round() -> None:
    async def main(slots: Slots, workers: Workers) -> None:
        await workers.start("a1", "a2", "a3", "b1", "b2", "c1")
        for name in ("a1", "a2", "b1", "c1", "a3"):
            await workers.end(name)
        assert workers.order == ["a1", "a2", "b1", "c1", "a3", "b2"]

    run(main, 1, 1)


def test_one_users_jobs_start_in_the_order_in_which_they_came() -> None:
    async def main(slots: Slots, workers: Workers) -> None:
        await workers.start("a1", "a2", "a3")
        await workers.end("a1")
        await workers.end("a2")
        assert workers.order == ["a1", "a2", "a3"]

    run(main, 1, 1)


def test_who_is_cancelled_while_it_waits_holds_up_nobody() -> None:
    async def main(slots: Slots, workers: Workers) -> None:
        await workers.start("a1", "a2", "a3", "b1")
        await workers.cancel("a2", "b1")
        await workers.end("a1")
        assert workers.order == ["a1", "a3"]

    run(main, 1, 1)


def test_who_is_cancelled_in_the_moment_of_its_turn_gives_the_place_back() -> None:
    async def main(slots: Slots, workers: Workers) -> None:
        await workers.start("a1", "a2", "a3")
        workers._gates["a1"].set()
        workers.after = workers._tasks["a2"].cancel
        await settle()
        assert workers.order == ["a1", "a3"]

    run(main, 1, 1)


def test_the_place_goes_on_when_giver_and_next_are_cancelled_together() -> None:
    async def main(slots: Slots, workers: Workers) -> None:
        await workers.start("a1", "a2", "a3")
        await workers.cancel("a2", "a1")
        assert workers.order == ["a1", "a3"]

    run(main, 1, 1)
