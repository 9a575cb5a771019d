# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Updates that nobody asks for: how far they go here, who may say so, and how the last one went.

Guarantees: what the administrator's files say counts, and nobody else says otherwise; what cannot be read
lets nothing be done. What people decide is on the disk before it is answered. Who may decide is left to the
bus.
"""

import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from appctld.config.remotes import stamps
from appctld.errors import AppctlError
from appctld.model.automatic import Decision, Extent, Why
from appctld.model.jsonvalue import JsonObject
from appctld.pipeline.tools import Tools
from appctld.state.automatic import choose, chosen, last_automatic
from appctld.updates.deciding import decide
from appctld.updates.handlers import Handlers
from appctld.updates.surroundings import Machine


class AutomaticUpdates:
    """Those of one scope. `is_there` is for Handlers; `files` are the policy's. Before `stamp` none goes."""

    def __init__(
        self,
        tools: Tools,
        files: Path,
        machine: Machine,
        is_there: Callable[[str], Awaitable[bool]],
    ) -> None:
        self._paths = tools.paths
        self._policy = tools.policy
        self._aside = tools.aside
        self._files = files
        self._machine = machine
        self._handlers = Handlers(is_there)
        self._stamp: object = None
        self._shown = Extent.NONE

    async def decide(self) -> Decision:
        """How far one goes now. Raises PolicyDenied, RepoCorrupt."""
        policy = await self._aside(self._extent)
        if policy is Extent.NONE:  # then nobody has to be asked
            return Decision(policy, (Why.POLICY,))
        around = await self._machine.surroundings()
        return decide(policy, around, now=int(time.time()), handled=await self.handled())

    @property
    def extent(self) -> Extent:
        """How far they may go, for those who only show it; nothing is read for it, however often they ask."""
        return self._shown

    @property
    def last(self) -> JsonObject:
        """How the last one went."""
        return last_automatic(self._paths).to_json()

    async def stamp(self) -> object:
        """What is another once somebody wrote to the policy's files, which are read then, and only then."""
        now = await self._aside(stamps, (self._files,))
        if now != self._stamp:
            await self._renew()
            self._stamp = now  # not before it was read: what fails is tried again
        return now

    async def set(self, extent: Extent) -> None:
        """Somebody decides how far they go. Raises PolicyDenied."""
        await self._aside(self._set, extent)
        await self._renew()

    async def register(self, sender: str, uid: int, *, handles: bool) -> None:
        """A client says whether it handles updates by itself. Raises LimitExceeded."""
        if handles:
            await self._handlers.register(sender, uid)
        else:
            self._handlers.forget(sender)

    async def handled(self) -> bool:
        """Whether such a client is there."""
        return await self._handlers.any()

    async def _renew(self) -> None:
        try:
            self._shown = await self._aside(self._extent)
        except AppctlError:
            self._shown = Extent.NONE  # as long as that is so, none goes

    def _set(self, extent: Extent) -> None:
        self._policy().check_automatic()
        choose(self._paths, extent)

    def _extent(self) -> Extent:
        said = self._policy().automatic()
        return chosen(self._paths) if said is None else said
