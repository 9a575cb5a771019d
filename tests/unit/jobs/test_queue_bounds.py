# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""jobs/queue.py: what one user may take of places, questions and memory, and what is left for others."""

import asyncio
import gc
import os
import weakref
from collections.abc import Awaitable, Callable

import pytest

from appctld.errors import (
    Busy,
    DigestMismatch,
    NotFound,
)
from appctld.jobs import queue as module
from appctld.jobs.fairness.finished import KEPT_PER_UID
from appctld.jobs.fairness.questions import WAITING_PER_UID
from appctld.jobs.job import Job, State
from appctld.jobs.queue import RUNNING, RUNNING_PER_UID
from appctld.jobs.requests import (
    AnyRequest,
    CheckUpdates,
    Install,
    Prune,
    Resolve,
    Rollback,
    Uninstall,
)
from support.buses.queue import (
    UID,
    Queue,
    allowed,
    failing,
    for_ever,
    nothing,
    refused,
    run,
    unanswered,
)


def test_one_user_leaves_places_for_others() -> None:
    """One registry that drips holds up its own user and nobody else."""

    async def main() -> None:
        queue = Queue(for_ever)
        greedy = []
        for _ in range(RUNNING * 2):
            greedy.append(queue.start())
            await queue.reached(greedy[-1], State.QUEUED, State.RUNNING)
        other = queue.start(uid=UID + 1)
        await queue.reached(other, State.RUNNING)
        assert sum(job.state is State.RUNNING for job in greedy) == RUNNING_PER_UID
        await queue.jobs.close()

    run(main)


def test_root_and_the_daemons_own_user_may_take_every_place() -> None:
    async def main() -> None:
        for uid in (0, os.geteuid()):
            queue = Queue(for_ever)
            jobs = [queue.start(uid=uid) for _ in range(RUNNING)]
            for job in jobs:
                await queue.reached(job, State.RUNNING)
            await queue.jobs.close()

    run(main)


@pytest.mark.parametrize("request_", [Uninstall(("a.b.C",)), Rollback("a.b.C"), Prune()])
@pytest.mark.parametrize("slow", [Resolve("h.io/a:1"), CheckUpdates(), Install(("h.io/a:1",))])
def test_what_needs_no_network_does_not_wait_for_what_does(request_: AnyRequest, slow: AnyRequest) -> None:
    async def main() -> None:
        queue = Queue(for_ever)
        for uid in range(UID, UID + RUNNING):
            job = queue.start(slow, uid=uid)
            job = queue.start(slow, uid=uid)
            await queue.reached(job, State.QUEUED, State.RUNNING)
        await queue.reached(queue.start(request_), State.RUNNING)
        await queue.jobs.close()

    run(main)


async def finish(queue: Queue, count: int, uid: int, authorize: Callable[[], Awaitable[None]]) -> list[Job]:
    """So many jobs, one after the other, to their ends."""
    jobs = []
    for number in range(count):
        queue.watcher.finished.clear()
        jobs.append(queue.start(Install((f"h.io/a:{number}",)), uid, authorize))
        await queue.end()
    return jobs


@pytest.mark.parametrize("authorize", [allowed, refused])
def test_of_one_users_finished_jobs_the_newest_are_kept(authorize: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        queue = Queue(nothing)
        others = await finish(queue, 1, UID + 1, allowed)
        jobs = await finish(queue, KEPT_PER_UID + 3, UID, authorize)
        assert queue.jobs.all() == [*others, *jobs[3:]]
        assert [what for what, _ in queue.watcher.told].count("removed") == 3
        with pytest.raises(NotFound):
            queue.jobs.get(jobs[2].number)

    run(main)


def test_a_job_that_is_no_longer_kept_is_gone_from_memory() -> None:
    """Neither a timer nor a task holds it for the rest of its minute."""

    async def main() -> None:
        queue = Queue(nothing)
        uid = UID + 4242  # no other test's
        newest = (await finish(queue, KEPT_PER_UID + 20, uid, refused))[-KEPT_PER_UID:]
        await asyncio.sleep(0)
        gc.collect()
        alive = {id(item) for item in gc.get_objects() if isinstance(item, Job) and item.uid == uid}
        assert {id(job) for job in newest} <= alive
        assert len(alive) <= KEPT_PER_UID + 2, "of the 20 others a last frame may still know one or two"
        await queue.jobs.close()

    run(main)


def test_the_oldest_of_all_makes_room_when_everybody_keeps_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appctld.jobs.fairness.finished.KEPT", 5)

    async def main() -> None:
        queue = Queue(nothing)
        for uid in range(UID, UID + 8):
            await finish(queue, 1, uid, refused)
        assert [job.uid for job in queue.jobs.all()] == list(range(UID + 3, UID + 8))

    run(main)


class Mine(dict[str, object]):
    """Options that a weak reference may point to."""


@pytest.mark.parametrize("stop", ["refused", "cancelled at once", "cancelled"])
def test_a_job_that_was_not_authorized_keeps_nothing_of_what_was_asked(stop: str) -> None:
    async def main() -> None:
        queue = Queue(nothing)
        options = Mine()
        seen = weakref.ref(options)
        request = Install(("h.io/" + "a" * 200,) * 30, options)
        job = queue.start(request, authorize=refused if stop == "refused" else unanswered)
        if stop != "refused":
            await asyncio.sleep(0) if stop == "cancelled" else None
            queue.jobs.cancel(job.number, UID)
        await queue.end()
        del request, options
        await asyncio.sleep(0)
        gc.collect()
        assert seen() is None
        assert (job.refs, job.title) == ((), "Install")
        assert job.weight < 1024

    run(main)


def test_logins_are_gone_when_a_job_has_failed() -> None:
    """A traceback would keep every variable of the work."""

    async def main() -> None:
        queue = Queue(failing(DigestMismatch("other bytes")))
        options = Mine()
        seen = weakref.ref(options)
        queue.start(Install(("h.io/a:1",), options))
        await queue.end()
        queue.performed.clear()
        del options
        await asyncio.sleep(0)
        gc.collect()
        assert seen() is None

    run(main)


def test_all_users_together_may_have_so_many_unfinished_jobs_and_root_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "UNFINISHED", 3)

    async def main() -> None:
        queue = Queue(for_ever)
        for uid in range(UID, UID + 3):
            queue.start(uid=uid)
        with pytest.raises(Busy, match="all users"):
            queue.start(uid=UID + 3)
        queue.start(uid=0)
        await queue.jobs.close()

    run(main)


@pytest.mark.parametrize("end", ["answered", "refused", "cancelled", "cancelled at once"])
def test_a_question_counts_until_it_is_over(end: str) -> None:
    async def main() -> None:
        queue = Queue(nothing)
        questions = {"answered": allowed, "refused": refused}
        jobs = [queue.start(authorize=questions.get(end, unanswered)) for _ in range(WAITING_PER_UID)]
        if end.startswith("cancelled"):
            await asyncio.sleep(0) if end == "cancelled" else None
            for job in jobs:
                queue.jobs.cancel(job.number, UID)
        for _ in range(10):
            await asyncio.sleep(0)
        assert all(job.state.finished for job in jobs)
        for _ in range(WAITING_PER_UID):
            queue.jobs.questions.open(UID)

    run(main)
