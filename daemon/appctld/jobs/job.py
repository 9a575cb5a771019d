# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""One job as others see it: what it is, how far it is, how it ended. Only the jobs room changes it."""

import time
from dataclasses import dataclass, field
from enum import StrEnum

from appctld.errors import AppctlError
from appctld.model.jsonvalue import JsonObject

UNKNOWN, DONE = -1, 100  # percentages: one that cannot be told, and the last


class State(StrEnum):
    """DBUS.md's states, in the order in which a job may go through them."""

    AUTHORIZING = "authorizing"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTLY_FAILED = "partly-failed"
    NEEDS_APPROVAL = "needs-approval"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def finished(self) -> bool:
        """Whether nothing will change any more."""
        return self not in {State.AUTHORIZING, State.QUEUED, State.RUNNING}


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
    percent: int = UNKNOWN
    bytes_done: int = 0
    bytes_total: int = 0
    bytes_reused: int = 0
    items: list[JsonObject] = field(default_factory=list)
    cancelable: bool = True
    start_time: int = field(default_factory=lambda: int(time.time()))
    error: AppctlError | None = None
    result: JsonObject = field(default_factory=dict)
