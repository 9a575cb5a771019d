# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Places to work: so many in all, so many of them one user's, and whoever holds fewest is next.

Guarantees: no user but a trusted one holds more than its share, so one registry that drips holds up nobody
else; among users that hold alike, turns go round; one user's jobs start in the order in which they came; a
place is given back however the work ends.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

Turn = asyncio.Future[None]


class Slots:
    """`total` places, `per_uid` of them for each user; `trusted` users may hold them all."""

    def __init__(self, total: int, per_uid: int, trusted: Collection[int]) -> None:
        self._total = total
        self._per_uid = per_uid
        self._trusted = trusted
        self._held: Counter[int] = Counter()
        self._waiting: dict[int, deque[Turn]] = {}  # in the order in which users had their last turn

    @asynccontextmanager
    async def held(self, uid: int) -> AsyncIterator["Place"]:
        """Wait for a place, and hold it for the length of the block."""
        place = Place(self, uid)
        await place.take()
        try:
            yield place
        finally:
            place.give_back()

    async def wait(self, uid: int) -> None:
        """Wait for a place of that user's; `Place.take` calls this."""
        turn: Turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(uid, deque()).append(turn)
        self._call_next()
        try:
            await turn
        except asyncio.CancelledError:
            self._leave(uid, turn)
            raise

    def _leave(self, uid: int, turn: Turn) -> None:
        """Cancelled: in the queue still, or when the place was given already."""
        if not turn.cancelled():
            self.free(uid)
        elif turn in (waiting := self._waiting.get(uid, deque())):  # else it was passed over already
            waiting.remove(turn)
            if not waiting:
                del self._waiting[uid]

    def free(self, uid: int) -> None:
        """One place of that user's is free; `Place.give_back` calls this once."""
        self._held[uid] -= 1
        self._held += Counter()  # drops those that are back at zero
        self._call_next()

    def _call_next(self) -> None:
        while self._held.total() < self._total:
            able = [uid for uid in self._waiting if self._may_take(uid)]
            if not able:
                return
            uid = min(able, key=self._held.__getitem__)
            turns = self._waiting.pop(uid)
            turn = turns.popleft()
            if turns:
                self._waiting[uid] = turns  # at the end: everybody else comes first
            if not turn.cancelled():
                self._held[uid] += 1
                turn.set_result(None)

    def _may_take(self, uid: int) -> bool:
        return uid in self._trusted or self._held[uid] < self._per_uid


class Place:
    """One place of one user's, held or not."""

    def __init__(self, slots: Slots, uid: int) -> None:
        self._slots = slots
        self._uid = uid
        self._held = False

    async def take(self) -> None:
        """Wait for it."""
        await self._slots.wait(self._uid)
        self._held = True

    def give_back(self) -> None:
        """Hold it no longer."""
        if self._held:
            self._held = False
            self._slots.free(self._uid)

    @asynccontextmanager
    async def let_go(self) -> AsyncIterator[None]:
        """For the length of the block others may have it; then wait for it again, unless that was left."""
        self.give_back()
        yield
        await self.take()
