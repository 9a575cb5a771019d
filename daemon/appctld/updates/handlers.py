# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Who said that it updates apps by itself: while such a client is on the bus, nobody else does it for it.

Guarantees: a client counts as long as its connection is there, and until the bus says that it is not; one
user takes no place from another. Whether a user may say so is the bus's to ask.
"""

from collections import Counter
from collections.abc import Awaitable, Callable

from appctld.errors import LimitExceeded

HANDLERS_A_UID = 8  # a person has one software centre, perhaps in several sessions
HANDLERS = 256  # of all users: the bus is asked about each, whenever one comes


class Handlers:
    """The connections, by their unique names.

    `is_there` says whether one is on the bus, and raises OSError where that is not known.
    """

    def __init__(self, is_there: Callable[[str], Awaitable[bool]]) -> None:
        self._is_there = is_there
        self._uids: dict[str, int] = {}

    async def register(self, sender: str, uid: int) -> None:
        """It handles updates from now on. Raises LimitExceeded."""
        if sender in self._uids:
            return
        for known in list(self._uids):  # who left takes no place
            await self._stays(known)
        if Counter(self._uids.values())[uid] >= HANDLERS_A_UID or len(self._uids) >= HANDLERS:
            raise LimitExceeded(
                f"{HANDLERS_A_UID} clients of one user handle updates, or {HANDLERS} of all",
                hint="end one of them",
            )
        self._uids[sender] = uid

    def forget(self, sender: str) -> None:
        """It does so no longer."""
        self._uids.pop(sender, None)

    async def any(self) -> bool:
        """Whether one of them is there still; no more are asked about than it takes to know."""
        for sender in list(self._uids):
            if await self._stays(sender):
                return True
        return False

    async def _stays(self, sender: str) -> bool:
        """Whether it is there, else it is forgotten; it is where the bus says nothing: it registers once."""
        try:
            is_there = await self._is_there(sender)
        except OSError:
            is_there = True
        if not is_there:
            self.forget(sender)
        return sender in self._uids  # it may have said otherwise meanwhile
