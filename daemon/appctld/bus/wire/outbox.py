# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is to leave for the bus: whole messages, as bytes, one after the other.

Guarantees: a burst waits for the bus instead of ending the connection; `is_full` says when nothing should be
done that would add to it, and `emptied` is called when that is over; `stuck_seconds` tells of a bus that
takes nothing at all. What a message says is others' business.
"""

import asyncio
import socket
from collections.abc import Callable

FULL_BYTES = 4 << 20  # a dozen of the longest answers; with more, the bus does not take as fast as others ask


class Outbox:
    """The queue, and the task that empties it."""

    def __init__(self, sink: socket.socket, emptied: Callable[[], None]) -> None:
        self._sink = sink
        self._emptied = emptied
        self._waiting: asyncio.Queue[tuple[bytes, asyncio.Future[None] | None]] = asyncio.Queue()
        self._bytes = 0
        self._moved = 0.0

    @property
    def stuck_seconds(self) -> float:
        """For how long nothing left, though something waits."""
        return asyncio.get_running_loop().time() - self._moved if self._bytes else 0.0

    @property
    def is_full(self) -> bool:
        """Whether more waits than should."""
        return self._bytes > FULL_BYTES

    def put(self, raw: bytes, sent: "asyncio.Future[None] | None" = None) -> None:
        """Send it after all others; `sent` is told when it left."""
        if not self._bytes:
            self._moved = asyncio.get_running_loop().time()
        self._bytes += len(raw)
        self._waiting.put_nowait((raw, sent))

    async def flushed(self) -> None:
        """Return when everything left."""
        await self._waiting.join()

    async def run(self) -> None:
        """Send for ever. Raises OSError when the bus is gone."""
        loop = asyncio.get_running_loop()
        while True:
            raw, sent = await self._waiting.get()
            await loop.sock_sendall(self._sink, raw)
            self._left(len(raw))
            if sent is not None and not sent.done():
                sent.set_result(None)
            self._waiting.task_done()

    def _left(self, length: int) -> None:
        was_full = self.is_full
        self._bytes -= length
        self._moved = asyncio.get_running_loop().time()
        if was_full and not self.is_full:
            self._emptied()
