# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
# For the tests of the bus; the client is blocking.
from asyncio import Queue
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from jeepney import Message
from jeepney.bus_messages import MatchRule

class DBusConnection:
    async def close(self) -> None: ...

async def open_dbus_connection(bus: str) -> DBusConnection: ...

class DBusRouter:
    unique_name: str
    def __init__(self, conn: DBusConnection) -> None: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    async def send(self, message: Message) -> None: ...
    async def send_and_get_reply(self, message: Message) -> Message: ...
    def filter(
        self, rule: MatchRule, *, queue: Queue[Message] | None = None, bufsize: int = 1
    ) -> AbstractContextManager[Queue[Message]]: ...
