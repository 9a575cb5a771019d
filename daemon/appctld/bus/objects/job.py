# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""One job on the bus; another user sees that it is there, not what it is about."""

from collections.abc import Awaitable, Callable, Collection
from typing import ClassVar

from appctld.bus.caller import Caller
from appctld.bus.exported import Exported
from appctld.bus.objects.asked import frozen
from appctld.bus.wire.paths import ERROR_PREFIX, JOB
from appctld.jobs.job import Job
from appctld.jobs.queue import Jobs
from appctld.model.jsonvalue import JsonObject
from appctld.model.login import read_login

PRIVATE = frozenset(
    {
        "Refs",
        "Items",
        "Title",
        "ErrorName",
        "ErrorMessage",
        "Hint",
        "ErrorDetails",
        "Result",
    }
)  # what somebody installs, and from where, is that user's business


Leave = Callable[[Job, Caller], Awaitable[bool]]


class JobObject(Exported):
    """Reads one `Job`."""

    interface: ClassVar[str] = JOB

    def __init__(self, job: Job, jobs: Jobs, daemon_uid: int, leave: Leave) -> None:
        self._job = job
        self._jobs = jobs
        self._daemon_uid = daemon_uid
        self._leave = leave

    def hidden_from(self, uid: int | None) -> Collection[str]:
        """Only the job's own user and root see everything."""
        return () if uid in {self._job.uid, 0} else PRIVATE

    async def cancel(self, caller: Caller, options: dict[str, object]) -> None:  # noqa: ARG002 - there are none yet
        """Stop it, or leave it to others who asked for the same; the daemon's own user may stop every job."""
        if await self._leave(self._job, caller):
            return
        uid = self._job.uid if caller.uid == self._daemon_uid else caller.uid
        self._jobs.cancel(self._job.number, uid)

    async def provide(self, caller: Caller, login: dict[str, object]) -> None:
        """Give the login that it waits for; nobody but its own user, not even root, is who was asked."""
        self._jobs.provide(self._job.number, caller.uid, read_login(frozen(login)))

    @property
    def kind(self) -> str:  # noqa: D102 - the XML says what it is
        return self._job.kind

    @property
    def refs(self) -> tuple[str, ...]:  # noqa: D102 - the XML says what it is
        return self._job.refs

    @property
    def state(self) -> str:  # noqa: D102 - the XML says what it is
        return self._job.state.value

    @property
    def stage(self) -> str:  # noqa: D102 - the XML says what it is
        return self._job.stage

    @property
    def title(self) -> str:  # noqa: D102 - the XML says what it is
        return self._job.title

    @property
    def percent(self) -> int:  # noqa: D102 - the XML says what it is
        return self._job.percent

    @property
    def bytes_done(self) -> int:  # noqa: D102 - the XML says what it is
        return self._job.bytes_done

    @property
    def bytes_total(self) -> int:  # noqa: D102 - the XML says what it is
        return self._job.bytes_total

    @property
    def bytes_reused(self) -> int:  # noqa: D102 - the XML says what it is
        return self._job.bytes_reused

    @property
    def items(self) -> list[JsonObject]:  # noqa: D102 - the XML says what it is
        return self._job.items

    @property
    def cancelable(self) -> bool:  # noqa: D102 - the XML says what it is
        return self._job.cancelable

    @property
    def uid(self) -> int:  # noqa: D102 - the XML says what it is
        return self._job.uid

    @property
    def background(self) -> bool:  # noqa: D102 - the XML says what it is
        return self._job.background

    @property
    def start_time(self) -> int:  # noqa: D102 - the XML says what it is
        return self._job.start_time

    @property
    def error_name(self) -> str:  # noqa: D102 - the XML says what it is
        return ERROR_PREFIX + self._job.complaint.name if self._job.complaint else ""

    @property
    def error_message(self) -> str:  # noqa: D102 - the XML says what it is
        return self._job.complaint.message if self._job.complaint else ""

    @property
    def hint(self) -> str:  # noqa: D102 - the XML says what it is
        return self._job.complaint.advice if self._job.complaint else ""

    @property
    def error_details(self) -> dict[str, object]:  # noqa: D102 - the XML says what it is
        return self._job.complaint.details if self._job.complaint else {}

    @property
    def result(self) -> JsonObject:  # noqa: D102 - the XML says what it is
        return self._job.result
