# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""One job as others see it: what it is, how far it is, how it ended. Only the jobs room changes it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from appctld.errors import AppctlError
from appctld.jobs.credentials import LoginQuestion
from appctld.model.jsonvalue import JsonObject

UNKNOWN, DONE = -1, 100  # percentages: one that cannot be told, and the last
TITLE_LENGTH = 200  # characters: one line of any terminal or software centre
JOB_BYTES = 1 << 20  # of what a job says at its end: 32 apps of 256 layers have 0.6 MiB
AROUND = 24  # bytes that surround a value in a message: length, padding, signature


class State(StrEnum):
    """The interface's states, in the order in which a job may go through them."""

    AUTHORIZING = "authorizing"
    QUEUED = "queued"
    RUNNING = "running"
    NEEDS_CREDENTIALS = "needs-credentials"
    SUCCEEDED = "succeeded"
    PARTLY_FAILED = "partly-failed"
    NEEDS_APPROVAL = "needs-approval"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def finished(self) -> bool:
        """Whether nothing will change any more."""
        return self not in {State.AUTHORIZING, State.QUEUED, State.RUNNING, State.NEEDS_CREDENTIALS}


@dataclass(slots=True, eq=False)
class Job:
    """A request on its way. `refs` are what it is about, as the caller wrote them; bytes are compressed."""

    number: int
    kind: str
    refs: tuple[str, ...]
    uid: int
    background: bool
    title: str
    state: State = State.AUTHORIZING
    stage: str = ""
    part: tuple[int, int] = (0, 1)  # which of its apps or remotes it works on, and of how many
    percent: int = UNKNOWN
    bytes_done: int = 0
    bytes_total: int = 0
    bytes_reused: int = 0
    items: list[JsonObject] = field(default_factory=list)
    cancelable: bool = True
    start_time: int = field(default_factory=lambda: int(time.time()))
    error: AppctlError | None = None
    result: JsonObject = field(default_factory=dict)
    question: LoginQuestion | None = None  # what it may ask its caller for, if that said so

    def __post_init__(self) -> None:
        if len(self.title) > TITLE_LENGTH:
            self.title = self.title[: TITLE_LENGTH - 1] + "…"

    @property
    def complaint(self) -> AppctlError | None:
        """How it ended, or what it waits about meanwhile."""
        return (self.question.refusal if self.question else None) or self.error

    @property
    def weight(self) -> int:
        """About how many bytes it takes to tell everything about this job, and rather more than less."""
        error = (self.error.message, self.error.advice, self.error.data) if self.error else ()
        return _weight((self.refs, self.title, self.items, self.result, error))

    def forget_request(self) -> None:
        """It was not authorized: what somebody wanted is worth no memory."""
        self.refs, self.title = (), self.kind.capitalize()

    def settle(self) -> None:
        """It has ended: nothing keeps the work's own variables, logins among them, or more than JOB_BYTES."""
        self.question = None
        if self.weight > JOB_BYTES:
            self.result, self.items = {}, []
        if self.error and self.weight > JOB_BYTES:
            self.error = type(self.error)(self.error.message[:TITLE_LENGTH])
        if self.error:
            self.error.__traceback__ = self.error.__context__ = self.error.__cause__ = None


def _weight(value: object) -> int:
    if isinstance(value, str):
        return AROUND + len(value.encode("utf-8", "replace"))
    if isinstance(value, bytes):
        return AROUND + len(value)
    if isinstance(value, Mapping):
        return AROUND + sum(_weight(key) + _weight(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return AROUND + sum(map(_weight, value))
    return AROUND
