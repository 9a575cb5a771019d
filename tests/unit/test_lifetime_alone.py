# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""lifetime.py over a bus and a queue that are told what to say: what no real ones say at will."""

import asyncio
from dataclasses import dataclass, field
from typing import cast

import pytest

from appctld import lifetime
from appctld.bus.server import Server
from appctld.bus.wire.connection import BusLostError, Connection
from appctld.jobs.queue import Jobs
from appctld.lifetime import STUCK_SECONDS, Lifetime
from appctld.system.notify import Notifier
from support.deciders import nobody


@dataclass
class Around:
    """All three, and what was done to them."""

    stuck_seconds: float = 0.0
    idle_seconds: float = 9.0
    is_answering: bool = False
    late: bool = False  # a call that is there once we are gone takes its time
    working: bool = False
    done: list[str] = field(default_factory=list)

    async def release_name(self, _name: str) -> None:
        self.done.append("released")
        self.is_answering = self.late

    async def own_name(self, _name: str) -> None:
        self.done.append("owned")

    async def finish(self) -> None:
        if self.late:
            await asyncio.Event().wait()

    def active(self) -> list[str]:
        return ["job"] * self.working

    all = active

    def life(self) -> Lifetime:
        connection, server, jobs = cast("Connection", self), cast("Server", self), cast("Jobs", self)
        return Lifetime(connection, server, jobs, Notifier("", 0.0), 0.0, nobody)


def test_a_bus_that_takes_nothing_any_more_is_left() -> None:
    async def check(around: Around) -> None:
        around.life()._check(asyncio.get_running_loop().create_future())

    with pytest.raises(BusLostError, match="takes no answers"):
        asyncio.run(check(Around(stuck_seconds=STUCK_SECONDS + 1)))
    asyncio.run(check(Around(stuck_seconds=STUCK_SECONDS)))
    asyncio.run(check(Around(stuck_seconds=STUCK_SECONDS + 1, working=True)))  # which ends first


def test_who_is_answering_still_when_it_is_gone_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifetime, "ANSWER_SECONDS", 0.01)
    around, late = Around(), Around(late=True)
    assert asyncio.run(around.life()._leaves()) is True
    assert around.done == ["released"]
    assert asyncio.run(late.life()._leaves()) is False
    assert late.done == ["released", "owned"]
