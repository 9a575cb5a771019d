# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The real queue, with simulated work, authorizations and a watcher; nothing of the bus."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from appctld.errors import NotAuthorized
from appctld.jobs.job import Job, State
from appctld.jobs.queue import Jobs
from appctld.jobs.reporting.observer import Nobody, Observer
from appctld.jobs.requests import AnyRequest, Install

UID = os.geteuid() + 1000  # neither root nor the daemon's own user
Work = Callable[[Job], Awaitable[None]]


class Watcher(Nobody):
    """An observer that writes down what it is told, and by which state."""

    def __init__(self) -> None:
        self.told: list[tuple[str, State]] = []
        self.changed = asyncio.Event()
        self.finished = asyncio.Event()
        self.removed = asyncio.Event()

    def states(self) -> list[State]:
        """The states that were seen, each once."""
        return list(dict.fromkeys(state for _, state in self.told))

    def job_added(self, job: Job) -> None:
        self.told.append(("added", job.state))

    def job_changed(self, job: Job) -> None:
        self.told.append(("changed", job.state))
        self.changed.set()

    def job_finished(self, job: Job) -> None:
        self.told.append(("finished", job.state))
        self.finished.set()

    def job_removed(self, job: Job) -> None:
        self.told.append(("removed", job.state))
        self.removed.set()


class Queue:
    """A queue whose work is a function of the job, and what was seen of it."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self.performed: list[AnyRequest] = []
        self.jobs = Jobs(self.perform)
        self.watcher = Watcher()
        self.jobs.observer = self.watcher

    async def perform(self, request: AnyRequest, job: Job, _observer: Observer) -> None:
        """What the queue is given to do."""
        self.performed.append(request)
        await self._work(job)

    def start(self, request: AnyRequest | None = None, uid: int = UID, authorize: Any = None) -> Job:  # noqa: ANN401
        return self.jobs.start(request or Install(("h.io/a:1",)), uid, authorize or allowed)

    async def reached(self, job: Job, *states: State) -> None:
        """Wait until the job is in one of `states`."""
        async with asyncio.timeout(60):
            while job.state not in states:
                self.watcher.changed.clear()
                await self.watcher.changed.wait()

    async def end(self) -> None:
        await asyncio.wait_for(self.watcher.finished.wait(), 30)


async def allowed() -> None:
    """Polkit says yes."""


async def refused() -> None:
    raise NotAuthorized("polkit said no")


async def unanswered() -> None:
    await asyncio.Event().wait()


async def nothing(job: Job) -> None:
    """Work that is done at once."""


async def for_ever(job: Job) -> None:
    await asyncio.Event().wait()


def failing(error: BaseException) -> Work:
    async def work(job: Job) -> None:
        raise error

    return work


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """A scenario in a loop of its own."""
    asyncio.run(main())
