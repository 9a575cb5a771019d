# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A connection for who only listens: what a scope's daemon tells everybody.

Guarantees: a signal counts when it comes from who owns the daemon's name then, as the bus itself says; the
daemon may come, end and come again, and nothing here starts one.
"""

import contextlib
from typing import TYPE_CHECKING

from appctl.failure import Failure
from appctl.talk.bus import NAME, PROPERTIES, Bus
from appctl.talk.daemon_failures import unreachable
from appctl.talk.messages import as_object, header, is_about_owner, values
from appctl.talk.wire import Json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jeepney import Message


class Hearing(Bus):
    """A bus that is listened to."""

    @property
    def descriptor(self) -> int:
        """Readable when something came."""
        return self._connection.sock.fileno()

    def begin(self) -> None:
        """Hear from now on what a daemon tells everybody, and that one comes or goes."""
        self._watch(NAME)
        self._driver("AddMatch", "s", f"type='signal',sender='{NAME}'")
        with contextlib.suppress(Failure):
            self._owner = str(self._driver("GetNameOwner", "s", NAME).body[0])

    def heard(self) -> "Iterator[Message]":
        """What came since, without waiting: the daemon's signals, and the bus's about it. Raises Failure."""
        while (message := self._came()) is not None:
            if is_about_owner(message) and message.body[0] == NAME:
                self._owner = str(message.body[2])
                yield message
            elif self._owner and header(message, "sender") == self._owner:
                yield message

    def still(self, path: str, interface: str) -> Json | None:
        """Read all properties of an object, where it and the daemon are there; else None."""
        if not self._owner:
            return None
        answer = self._send(self._owner, path, PROPERTIES, "GetAll", "s", (interface,))
        try:
            return as_object(values(self._good(answer))[0])
        except Failure:
            return None

    def _came(self) -> "Message | None":
        if self._signals:
            return self._signals.popleft()
        try:
            with contextlib.suppress(TimeoutError):
                return self._connection.receive(timeout=0)
        except OSError as error:
            raise unreachable(self.scope, error) from error
        return None
