# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Asking services of the machine that may be there or not.

Guarantees: nothing is started by being asked; whatever a service does, or is not there, an answer comes
within some seconds, which may be that nothing is known, and one that let us wait is not asked again for a
minute. In the user scope that takes a connection of its own, opened when it is first needed.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from appctld.bus.wire.connection import BusLostError, Connection, connect
from appctld.bus.wire.library import Variant
from appctld.bus.wire.questions import BusCallError
from appctld.system.foreign import Handed

logger = logging.getLogger(__name__)
T = TypeVar("T")

ANSWER_SECONDS = 3.0  # for what a service has at hand
SILENT_SECONDS = 60.0  # that one which did not answer is left alone: an app is put in place meanwhile
BUS = "the system bus"
PROPERTIES = "org.freedesktop.DBus.Properties"


class Services:
    """Those of the system bus; `own` is the daemon's connection to it, in the system scope."""

    def __init__(self, own: Connection | None = None, address: str | None = None) -> None:
        self._own = own
        self._address = address
        self._opened: Connection | None = None
        self._opening = asyncio.Lock()  # two first questions at once open one, as one is closed
        self._silent: dict[str, float] = {}

    async def get(self, name: str, path: str, interface: str, member: str, kind: type[T]) -> T | None:
        """A property, if it is of that kind; None where nothing is known."""

        async def ask(connection: Connection, owner: str) -> object:
            answer = await connection.call(owner, path, PROPERTIES, "Get", "ss", [interface, member])
            return answer[0].value if answer and isinstance(answer[0], Variant) else None

        value = await self._heard(name, ask)
        return value if isinstance(value, kind) else None

    async def borrow(self, name: str, path: str, interface: str, member: str, *words: str) -> Handed | None:
        """A descriptor that a method gives for some words; the caller closes it. None where there is none."""

        async def ask(connection: Connection, owner: str) -> Handed:
            return await connection.borrow(owner, path, interface, member, "s" * len(words), words)

        return await self._heard(name, ask)

    async def close(self) -> None:
        """Hang up, where that connection was opened here."""
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.close()

    async def _heard(self, name: str, ask: Callable[[Connection, str], Awaitable[T]]) -> T | None:
        """What comes of asking who has that name, in time; nothing where it is nobody, or is left alone."""
        if self._is_silent(name):
            return None
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                connection = await self._connection()
                owner = await connection.present(name)
                return None if owner is None else await ask(connection, owner)
        except TimeoutError:
            self._leave_alone(name)
            logger.info("%s does not answer", name)
        except (BusCallError, BusLostError, OSError) as error:
            logger.debug("%s: %s", name, error)
        return None

    def _is_silent(self, name: str) -> bool:
        return asyncio.get_running_loop().time() < self._silent.get(name, 0.0)

    def _leave_alone(self, name: str) -> None:
        self._silent[name] = asyncio.get_running_loop().time() + SILENT_SECONDS

    async def _connection(self) -> Connection:
        """Raises OSError where there is no such bus."""
        if self._own is not None:
            return self._own
        async with self._opening:
            if self._opened is not None and self._opened.is_lost:
                await self.close()
            if self._opened is None:
                self._opened = await self._open()
            return self._opened

    async def _open(self) -> Connection:
        if self._is_silent(BUS):
            raise OSError("there was no system bus a moment ago")
        try:
            return await connect(self._address, system=True)
        except Exception as error:  # the library's own, of several kinds
            self._leave_alone(BUS)
            raise OSError(f"the system bus does not let us in: {error}") from error
