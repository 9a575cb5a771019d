# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""How long the daemon lives: until it is told to stop, the bus goes away, or nobody needs it any more.

Guarantees: a call to our name is answered by us or by the daemon that comes after us, also one that arrives
in the instant of leaving; a job that such a call began is worked on to its end. The service manager is told
from the loop itself that the loop turns, and of jobs kinds and numbers, nothing of whose they are or about
what. Ending the jobs and the connection is left to who started them. Part of the composition root.
"""

import asyncio
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from appctld.bus.server import Server
from appctld.bus.wire.connection import BusLostError, Connection
from appctld.bus.wire.paths import BUS_NAME
from appctld.jobs.job import Job, State
from appctld.jobs.queue import Jobs
from appctld.system.notify import Notifier

LOOK_SECONDS = 2.0  # how often the daemon looks whether anybody still needs it
STUCK_SECONDS = 20.0  # a bus that takes nothing for so long has had enough of us; clients wait for 25
ANSWER_SECONDS = 1.0  # what is answered within this needs no daemon that stays for it
LINGER_SECONDS = 600.0  # who called in our last instant has so long; a machine that shuts down waits for it
_ASKED = {State.AUTHORIZING, State.NEEDS_CREDENTIALS}


@dataclass(slots=True)
class Lifetime:
    """One daemon's. `is_wanted` says whether anybody wants it to stay though it has nothing to do."""

    connection: Connection
    server: Server
    jobs: Jobs
    notifier: Notifier
    idle_seconds: float
    is_wanted: Callable[[], Awaitable[bool]]
    _deadline: float | None = None  # of the loop's clock, once we said that we leave

    async def run(self) -> None:
        """Return when nobody needs the daemon, or when it was told to stop. Raises BusLostError."""
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        lost = asyncio.ensure_future(self.connection.wait_lost())
        stopped = asyncio.ensure_future(stop.wait())
        self.notifier.ready()
        try:
            while not (stopped.done() or await self._leaves()):
                self._tell()
                await asyncio.wait({lost, stopped}, timeout=self._pause, return_when=asyncio.FIRST_COMPLETED)
                self._check(lost)
        finally:
            lost.cancel()
            stopped.cancel()
            self.notifier.stopping()

    @property
    def _pause(self) -> float:
        return min(LOOK_SECONDS, self.notifier.ping_seconds or LOOK_SECONDS)

    def _check(self, lost: "asyncio.Future[None]") -> None:
        if lost.done():
            lost.result()
            raise BusLostError("the bus is gone")
        if self.connection.stuck_seconds > STUCK_SECONDS and not self.jobs.active():
            raise BusLostError("the bus takes no answers any more: somebody does not read theirs")

    def _tell(self) -> None:
        self.notifier.alive()
        self.notifier.status(status(self.jobs.active()))
        if self._deadline is not None:
            self.notifier.linger(10 * self._pause)

    # Leaving

    async def _leaves(self) -> bool:
        """Whether we are gone from the bus, and nobody is left who needs us."""
        if await self._is_needed():
            return self._deadline is not None and asyncio.get_running_loop().time() > self._deadline
        # First, so that the manager keeps who calls from now on for a new process, and does not stop this one
        # because it loses its name.
        self.notifier.stopping()
        await self.connection.release_name(BUS_NAME)
        with suppress(TimeoutError):  # what came before that has been read by now
            async with asyncio.timeout(ANSWER_SECONDS):
                await self.server.finish()
        if self.server.is_answering or self.jobs.all() or await self.is_wanted():
            await self._return()
            return False
        return True

    async def _is_needed(self) -> bool:
        patience = self.idle_seconds if self._deadline is None else 0.0
        idle = self.server.idle_seconds > patience and not self.server.is_answering
        return bool(not idle or self.jobs.all() or await self.is_wanted())

    async def _return(self) -> None:
        """Somebody called while we left: stay for that, and be there for others meanwhile."""
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().time() + LINGER_SECONDS
        with suppress(OSError):  # another daemon was faster: this one works for who has called it
            await self.connection.own_name(BUS_NAME)


def status(active: Sequence[Job]) -> str:
    """What is done: kinds and numbers. Everybody may ask systemd, and not everybody may know more."""
    if not active:
        return "Idle"
    kinds = Counter(job.kind for job in active)
    parts = [f"{number} {kind}" for kind, number in sorted(kinds.items())]
    asked = sum(job.state in _ASKED for job in active)
    return f"Jobs: {', '.join(parts)}" + (f"; {asked} of them waiting for an answer" if asked else "")
