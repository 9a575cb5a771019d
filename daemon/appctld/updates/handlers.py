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
HANDLERS = 256  # of all users: the bus is asked about each before an update


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
        await self.any()  # who left takes no place
        if Counter(self._uids.values())[uid] >= HANDLERS_A_UID or len(self._uids) >= HANDLERS:
            raise LimitExceeded(f"{HANDLERS_A_UID} clients of one user handle updates, or {HANDLERS} of all")
        self._uids[sender] = uid

    def forget(self, sender: str) -> None:
        """It does so no longer."""
        self._uids.pop(sender, None)

    async def any(self) -> bool:
        """Whether one of them is there still."""
        for sender in list(self._uids):
            if await self._left(sender):
                self.forget(sender)
        return bool(self._uids)

    async def _left(self, sender: str) -> bool:
        """Whether it did; not as long as the bus says nothing, as it registers only once."""
        try:
            return not await self._is_there(sender)
        except OSError:
            return False
