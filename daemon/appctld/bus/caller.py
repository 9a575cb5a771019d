# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Who makes a call, as the bus itself says: never a pid, never anything out of the message's body."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass

from appctld.bus.wire.connection import Connection
from appctld.bus.wire.questions import BusCallError
from appctld.errors import NotAuthorized

REMEMBERED = 1024  # connections whose user is kept; a unique name is never used twice, so it cannot go stale


@dataclass(frozen=True)
class Caller:
    """One caller of one method."""

    uid: int
    sender: str
    """The connection's unique name, e.g. `:1.42`."""
    interactive: bool = False
    """The message allows questions (flag ALLOW_INTERACTIVE_AUTHORIZATION)."""


class Callers:
    """Finds out the user behind a message's sender."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: OrderedDict[str, int] = OrderedDict()
        self._asking: dict[str, asyncio.Task[int]] = {}

    def known(self, sender: str) -> int | None:
        """The user, if the bus was asked before."""
        return self._known.get(sender)

    async def identify(self, sender: str, *, interactive: bool = False) -> Caller:
        """The caller; NotAuthorized when the bus does not know the sender any more."""
        uid = self._known.get(sender)
        if uid is None:
            uid = await asyncio.shield(self._question(sender))
        return Caller(uid, sender, interactive)

    def _question(self, sender: str) -> asyncio.Task[int]:
        """One question for however many calls of one connection wait for the answer."""
        asking = self._asking.get(sender)
        if asking is None:
            asking = self._asking[sender] = asyncio.create_task(self._ask(sender))
            asking.add_done_callback(lambda _done: self._asking.pop(sender))
        return asking

    async def _ask(self, sender: str) -> int:
        try:
            (uid,) = await self._connection.ask_driver("GetConnectionUnixUser", "s", sender)
        except (BusCallError, TimeoutError) as error:
            raise NotAuthorized("the caller left the bus") from error
        if not isinstance(uid, int):
            raise NotAuthorized("the bus does not say who calls")
        self._known[sender] = uid
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return uid
