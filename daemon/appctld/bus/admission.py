# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""How many calls may wait for their answer: by connection, and by user as soon as the bus said who it is.

Guarantees that one user, over however many connections, leaves room for others, and that a flood of
connections nobody knows yet takes none from those who are known. What a call means is server.py's.
"""

from collections import Counter
from collections.abc import Collection

from appctld.bus.wire.replies import CallRefusedError

CALLS_A_SENDER = (
    64  # so that one connection leaves room for its user's others; Gio asks for some dozen at start
)
CALLS_A_UID = 128  # an eighth of all; a call waits for polkit, or for a key that is imported
CALLS = 1024  # of all known users; each costs some kilobytes
UNKNOWN = 4096  # calls whose sender the bus is asked about, for some milliseconds


class Admission:
    """Counts the calls; `trusted` users find room when all others took theirs."""

    def __init__(self, trusted: Collection[int]) -> None:
        self._trusted = trusted
        self._senders: Counter[str] = Counter()
        self._users: Counter[int] = Counter()

    def enter(self, sender: str, uid: int | None) -> "Place":
        """Room for one call; `uid` is None until it is known. Raises CallRefusedError (LimitsExceeded)."""
        if self._senders[sender] >= CALLS_A_SENDER:
            raise _too_many("of this connection")
        if uid is None and self._senders.total() - self._users.total() >= UNKNOWN:
            raise _too_many("of unknown connections")
        self._senders[sender] += 1
        place = Place(self, sender)
        if uid is not None:
            try:
                place.identify(uid)
            except CallRefusedError:
                place.leave()
                raise
        return place

    def count(self, uid: int) -> None:
        """One more call of a user; `Place.identify` calls this once. Raises CallRefusedError."""
        if self._users[uid] >= CALLS_A_UID:
            raise _too_many("of this user")
        if self._users.total() >= CALLS and uid not in self._trusted:
            raise _too_many("of all users")
        self._users[uid] += 1

    def discount(self, sender: str, uid: int | None) -> None:
        """One call less; `Place.leave` calls this once."""
        self._senders[sender] -= 1
        self._senders += Counter()  # drops those that are back at zero
        if uid is not None:
            self._users[uid] -= 1
            self._users += Counter()


class Place:
    """The room of one call."""

    def __init__(self, admission: Admission, sender: str) -> None:
        self._admission = admission
        self._sender = sender
        self._uid: int | None = None

    def identify(self, uid: int) -> None:
        """From now on it counts as this user's. Raises CallRefusedError."""
        if self._uid is None:
            self._admission.count(uid)
            self._uid = uid

    def leave(self) -> None:
        """The call is answered."""
        self._admission.discount(self._sender, self._uid)


def _too_many(whose: str) -> CallRefusedError:
    return CallRefusedError("LimitsExceeded", f"too many calls {whose} at once")
