# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The queue: every job from its first moment to the minute after its last.

Guarantees: a job is authorized before it is queued, ends in exactly one final state whatever happens to it,
and stays to be asked about for a minute. Jobs are not persisted. What a job does is not known here.
"""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable

from appctld.errors import (
    AppctlError,
    Busy,
    Cancelled,
    Failed,
    NeedsApproval,
    NotAuthorized,
    NotFound,
    PolkitRequired,
)
from appctld.jobs.job import DONE, Job, State
from appctld.jobs.observer import Nobody, Observer
from appctld.jobs.requests import AnyRequest, flag

AUTHORIZING_PER_UID = 8  # each keeps a question open at polkit
UNFINISHED_PER_UID = 32  # more than a person starts, fewer than hurt
AUTHORIZING_SECONDS = 120.0  # a person types a password in less
RUNNING = 4  # jobs at work at once: two cores inflate, two wait for the network
KEPT_SECONDS = 60.0  # a client that was away for a moment can still ask how it ended

logger = logging.getLogger(__name__)

Authorize = Callable[[], Awaitable[None]]
Perform = Callable[[AnyRequest, Job, Observer], Awaitable[None]]


class Jobs:
    """All jobs of one daemon. `perform` does the work and fills the job in."""

    def __init__(self, perform: Perform) -> None:
        self.observer: Observer = Nobody()
        self._perform = perform
        self._jobs: dict[int, Job] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._numbers = itertools.count(1)
        self._room = asyncio.Semaphore(RUNNING)

    def start(self, request: AnyRequest, uid: int, authorize: Authorize) -> Job:
        """Take a request; it is authorized and done in the background. Raises Busy over the limits."""
        self._check_limits(uid)
        job = Job(
            number=next(self._numbers),
            kind=request.kind,
            refs=request.about,
            uid=uid,
            background=flag(request, "background"),
            title=request.title,
        )
        self._jobs[job.number] = job
        self.observer.job_added(job)
        task = asyncio.get_running_loop().create_task(self._run(request, job, authorize))
        task.add_done_callback(lambda _task: self._settle(job))
        self._tasks[job.number] = task
        return job

    def get(self, number: int) -> Job:
        """Raises NotFound."""
        try:
            return self._jobs[number]
        except KeyError:
            raise NotFound(f"no job {number}", hint="appctl jobs") from None

    def all(self) -> list[Job]:
        """Every job that can be asked about."""
        return list(self._jobs.values())

    def active(self) -> list[Job]:
        """Those that are not finished."""
        return [job for job in self._jobs.values() if not job.state.finished]

    def cancel(self, number: int, uid: int) -> None:
        """Ask a job to end. Raises NotAuthorized for another user's job, Busy when it is too late."""
        job = self.get(number)
        if uid not in {job.uid, 0}:
            raise NotAuthorized("only who started a job may cancel it")
        if job.state.finished:
            return
        if not job.cancelable:
            raise Busy("it is too late to cancel: the new version is being put in place")
        self._tasks[number].cancel()

    async def close(self) -> None:
        """End every job; for the daemon's own end."""
        tasks = [task for task in self._tasks.values() if not task.done()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _check_limits(self, uid: int) -> None:
        mine = [job for job in self.active() if job.uid == uid]
        if sum(job.state is State.AUTHORIZING for job in mine) >= AUTHORIZING_PER_UID:
            raise Busy(f"{AUTHORIZING_PER_UID} jobs already wait for an authorization")
        if len(mine) >= UNFINISHED_PER_UID:
            raise Busy(f"{UNFINISHED_PER_UID} jobs are already unfinished")

    async def _run(self, request: AnyRequest, job: Job, authorize: Authorize) -> None:
        try:
            await self._authorize(authorize)
            self._enter(job, State.QUEUED)
            async with self._room:
                self._enter(job, State.RUNNING)
                await self._perform(request, job, self.observer)
            self._finish(job, _ending(job))
        except asyncio.CancelledError:
            self._finish(job, State.CANCELLED, Cancelled("the job was cancelled"))
        except NeedsApproval as error:
            self._finish(job, State.NEEDS_APPROVAL, error)
        except AppctlError as error:
            self._finish(job, State.FAILED, error)
        except Exception as error:
            logger.exception("job %d failed", job.number)
            self._finish(job, State.FAILED, Failed(f"unexpected {type(error).__name__}"))

    @staticmethod
    async def _authorize(authorize: Authorize) -> None:
        try:
            async with asyncio.timeout(AUTHORIZING_SECONDS):
                await authorize()
        except TimeoutError as error:
            raise PolkitRequired("nobody answered the question for authorization") from error

    def _enter(self, job: Job, state: State) -> None:
        job.state = state
        self.observer.job_changed(job)

    def _finish(self, job: Job, state: State, error: AppctlError | None = None) -> None:
        job.state, job.error, job.cancelable = state, error or job.error, False
        if state is State.SUCCEEDED:
            job.percent = DONE
        if error is not None:
            logger.info("job %d (%s): %s: %s", job.number, job.title, error.name, error.message)
        self.observer.job_changed(job)
        self.observer.job_finished(job)
        asyncio.get_running_loop().call_later(KEPT_SECONDS, self._remove, job)

    def _settle(self, job: Job) -> None:
        """A task that was cancelled before its first step never saw its own `except`."""
        if not job.state.finished:
            self._finish(job, State.CANCELLED, Cancelled("the job was cancelled"))

    def _remove(self, job: Job) -> None:
        self._jobs.pop(job.number, None)
        self._tasks.pop(job.number, None)
        self.observer.job_removed(job)


def _ending(job: Job) -> State:
    """All items done, some, or none: with several apps all are tried, and the first failure is the job's."""
    states = [item.get("state") for item in job.items]
    if failed := states.count("failed"):
        return State.FAILED if failed == len(states) else State.PARTLY_FAILED
    return State.NEEDS_APPROVAL if "needs-approval" in states else State.SUCCEEDED
