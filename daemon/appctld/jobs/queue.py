# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The queue: every job from its first moment to the minute after its last.

Guarantees: a job is authorized before it is queued, ends in exactly one final state whatever happens to it,
and stays to be asked about for a minute, unless more have ended since than `fairness.finished` keeps. A job
that is not authorized keeps nothing of what was asked. Jobs are not persisted. What a job does is not known
here.
"""

import asyncio
import itertools
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

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
from appctld.jobs.credentials import LoginQuestion, not_asked
from appctld.jobs.fairness.finished import Finished
from appctld.jobs.fairness.questions import Question, Questions
from appctld.jobs.fairness.slots import Place, Slots
from appctld.jobs.job import DONE, Job, State
from appctld.jobs.reporting.journaling import log_failed
from appctld.jobs.reporting.observer import Nobody, Observer
from appctld.jobs.requests import AnyRequest, Prune, Rollback, Uninstall, Verify, bundle, flag, serves
from appctld.model.login import Login
from appctld.system.durable import storage_failure
from appctld.system.foreign import Handed

UNFINISHED_PER_UID = 32  # more than a person starts, fewer than hurt
UNFINISHED = 256  # of all users; root and the daemon's own user may start more
AUTHORIZING_SECONDS = 120.0  # a person types a password in less
RUNNING = 6  # jobs at work at once: two cores inflate, the others wait for the network
RUNNING_PER_UID = 2  # one user, or one registry that drips, leaves places for others
LOCAL = 4  # jobs at work at once that wait for no network
WITHOUT_NETWORK = (Uninstall, Rollback, Prune, Verify)  # they never wait for those who wait for a registry
KEPT_SECONDS = 60.0  # a client that was away for a moment can still ask how it ended

logger = logging.getLogger(__name__)

Authorize = Callable[[], Awaitable[None]]
Perform = Callable[[AnyRequest, Job, Observer], Awaitable[None]]


class Jobs:
    """All jobs of one daemon. `perform` does the work and fills the job in."""

    def __init__(self, perform: Perform) -> None:
        self.observer: Observer = Nobody()
        self.questions = Questions()
        self._perform = perform
        self._jobs: dict[int, Job] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._requests: dict[int, AnyRequest] = {}
        self._numbers = itertools.count(1)
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._finished = Finished()
        self._trusted = frozenset({0, os.geteuid()})  # root, and as whom the timers run
        self._network = Slots(RUNNING, RUNNING_PER_UID, self._trusted)
        self._local = Slots(LOCAL, RUNNING_PER_UID, self._trusted)
        self._closing = False

    def start(self, request: AnyRequest, uid: int, authorize: Authorize) -> Job:
        """Take a request; it is authorized and done in the background. Raises Busy over the limits.

        Raises it also when the daemon is about to end.
        """
        self._check_limits(uid)
        question = self.questions.open(uid)
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
        task = asyncio.get_running_loop().create_task(self._run(request, job, authorize, question))
        handed = bundle(request)
        if handed is not None:
            handed.keep()
        task.add_done_callback(lambda _task: self._settle(job, question, handed))
        self._tasks[job.number] = task
        self._requests[job.number] = request
        return job

    def alike(self, request: AnyRequest, uid: int) -> Job | None:
        """The user's own job that does the very same, is authorized and not about to end, if there is one.

        Who is told of it learns and may do nothing that this user could not: it needs no question of its own.
        """
        for job in self.active():
            task = self._tasks.get(job.number)
            going = job.state is not State.AUTHORIZING and task is not None and not task.cancelling()
            if going and job.uid == uid and serves(self._requests[job.number], request):
                return job
        return None

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
            raise Busy("it is too late to cancel: what is installed is being changed")
        self._tasks[number].cancel()

    def provide(self, number: int, uid: int, login: Login) -> None:
        """Give a job the login that it waits for, for the user who started it alone.

        Raises NotAuthorized, NotFound where nothing is asked, InvalidReference for another place's login.
        """
        job = self.get(number)
        if uid != job.uid:
            raise NotAuthorized("only who started a job may give it a login")
        if job.question is None:
            raise not_asked()
        job.question.provide(login)

    async def close(self) -> None:
        """End every job, and begin none any more; for the daemon's own end."""
        self._closing = True
        tasks = [task for task in self._tasks.values() if not task.done()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _check_limits(self, uid: int) -> None:
        if self._closing:
            raise Busy("the daemon is being stopped; call again in a moment")
        active = self.active()
        if sum(job.uid == uid for job in active) >= UNFINISHED_PER_UID:
            raise Busy(f"{UNFINISHED_PER_UID} jobs are already unfinished")
        if len(active) >= UNFINISHED and uid not in self._trusted:
            raise Busy(f"{UNFINISHED} jobs of all users are already unfinished")

    async def _run(self, request: AnyRequest, job: Job, authorize: Authorize, question: Question) -> None:
        try:
            with question:
                await self._authorize(authorize)
            self._enter(job, State.QUEUED)
            slots = self._local if isinstance(request, WITHOUT_NETWORK) else self._network
            async with slots.held(job.uid) as place:
                self._enter(job, State.RUNNING)
                if flag(request, "ask-credentials"):
                    job.question = LoginQuestion(partial(self._waiting, job, place))
                await self._perform(request, job, self.observer)
            self._finish(job, _ending(job))
        except asyncio.CancelledError:
            self._finish(job, State.CANCELLED, self._cancelled())
        except NeedsApproval as error:
            self._finish(job, State.NEEDS_APPROVAL, error)
        except AppctlError as error:
            self._finish(job, State.FAILED, error)
        except OSError as error:
            logger.exception("job %d failed", job.number)
            self._finish(job, State.FAILED, storage_failure(error))
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

    @asynccontextmanager
    async def _waiting(self, job: Job, place: Place) -> AsyncIterator[None]:
        """For the length of the block a person is asked, and others may have the job's place to work.

        Raises Busy when too many questions of this user's wait.
        """
        with self.questions.open(job.uid):
            self._enter(job, State.NEEDS_CREDENTIALS)
            async with place.let_go():
                yield
                self._enter(job, State.QUEUED)
        self._enter(job, State.RUNNING)

    def _enter(self, job: Job, state: State) -> None:
        job.state = state
        self.observer.job_changed(job)

    def _finish(self, job: Job, state: State, error: AppctlError | None = None) -> None:
        if job.state is State.AUTHORIZING:
            job.forget_request()
        job.state, job.error, job.cancelable = state, error or job.error, False
        if state is State.SUCCEEDED:
            job.percent = DONE
        if error is not None:
            log_failed(job, job.refs[0] if len(job.refs) == 1 else job.title, error)
        job.settle()
        self.observer.job_changed(job)
        self.observer.job_finished(job)
        loop = asyncio.get_running_loop()
        self._timers[job.number] = loop.call_later(KEPT_SECONDS, self._remove, job)
        for old in self._finished.add(job):
            self._remove(old)

    def _settle(self, job: Job, question: Question, handed: Handed | None) -> None:
        """A task that was cancelled before its first step never saw its own `with` and `except`."""
        question.close()
        if handed is not None:
            handed.close()
        self._tasks.pop(job.number, None)  # a cancelled task remembers its request
        self._requests.pop(job.number, None)
        if not job.state.finished:
            self._finish(job, State.CANCELLED, self._cancelled())

    def _cancelled(self) -> Cancelled:
        return Cancelled("the daemon was stopped" if self._closing else "the job was cancelled")

    def _remove(self, job: Job) -> None:
        self._jobs.pop(job.number, None)
        self._finished.discard(job)
        if timer := self._timers.pop(job.number, None):
            timer.cancel()
        self.observer.job_removed(job)


def _ending(job: Job) -> State:
    """All items done, some, or none: with several apps all are tried, and the first failure is the job's."""
    states = [item.get("state") for item in job.items]
    if failed := states.count("failed"):
        return State.FAILED if failed == len(states) else State.PARTLY_FAILED
    return State.NEEDS_APPROVAL if "needs-approval" in states else State.SUCCEEDED
