# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Connections to the bus that send whatever bytes they are given, and only count what comes back."""

import array
import selectors
import socket
import struct
from collections import Counter
from collections.abc import Sequence

from jeepney.io.blocking import open_dbus_connection

from flooding.messages import get_id

ANSWERS = {2: "answered", 3: "refused"}  # of the types of messages; a refusal is an answer too
SIGNAL = 4
FIXED = 16  # bytes of a message before its header's fields
PATIENCE = 60.0  # seconds that an answer may take before the daemon counts as gone


class Sender:
    """One connection."""

    def __init__(self, address: str) -> None:
        self._connection = open_dbus_connection(address, enable_fds=True, auth_timeout=PATIENCE)
        self._connection.send_and_get_reply(get_id())  # and nothing of what came before is left to be read
        self.socket = self._connection.sock
        self.socket.settimeout(PATIENCE)
        self.seen: Counter[str] = Counter()
        self._buffer = bytearray()
        self._serial = 1000

    def close(self) -> None:
        """Leave the bus."""
        self._connection.close()

    def send(self, message: bytes, descriptors: Sequence[int] = ()) -> None:
        """Send it under a serial of its own."""
        self._serial += 1
        order = "<" if message[:1] == b"l" else ">"
        numbered = message[:8] + struct.pack(f"{order}I", self._serial) + message[12:]
        if descriptors:
            rights = array.array("i", descriptors)
            sent = self.socket.sendmsg([numbered], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
            numbered = numbered[sent:]
        self.socket.sendall(numbered)

    def receive(self) -> None:
        """Count what came, at least some bytes of it. Raises OSError, and EOFError when the bus hung up."""
        data = self.socket.recv(1 << 18)
        if not data:
            raise EOFError
        self._buffer += data
        while (length := _length(self._buffer)) is not None and len(self._buffer) >= length:
            kind = self._buffer[1]
            self.seen[ANSWERS.get(kind, "signals" if kind == SIGNAL else "others")] += 1
            del self._buffer[:length]

    @property
    def replies(self) -> int:
        """How many calls have their answer."""
        return self.seen["answered"] + self.seen["refused"]

    def wait_for(self, replies: int) -> None:
        """Return when so many calls have their answer."""
        while self.replies < replies:
            self.receive()


def in_turns(senders: Sequence[Sender], message: bytes, each: int) -> None:
    """Every client calls `each` times, one after the other, all clients at once."""
    with selectors.DefaultSelector() as selector:
        for sender in senders:
            selector.register(sender.socket, selectors.EVENT_READ, sender)
            sender.send(message)
        waiting = len(senders)
        while waiting:
            ready = selector.select(PATIENCE)
            if not ready:
                raise TimeoutError("nobody is answered any more")
            for key, _ in ready:
                waiting -= _next(key.data, message, each)


def _next(sender: Sender, message: bytes, each: int) -> bool:
    """Take answers, and call again; whether it was the last one."""
    before = sender.replies
    sender.receive()
    for number in range(before, sender.replies):
        if number + 1 < each:
            sender.send(message)
    return before < each <= sender.replies


def _length(buffer: bytes | bytearray) -> int | None:
    if len(buffer) < FIXED:
        return None
    body, _serial, fields = struct.unpack_from("<III" if buffer[0] == ord("l") else ">III", buffer, 4)
    return FIXED + (int(fields) + 7) // 8 * 8 + int(body)
