# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Asking services of the machine that may be there or not.

Guarantees: nothing is started by being asked; whatever a service does, or is not there, an answer comes
within some seconds, which may be that nothing is known. In the user scope that takes a connection of its own,
opened when it is first needed.
"""

import asyncio
import logging
from typing import TypeVar

from appctld.bus.wire.connection import BusLostError, Connection, connect
from appctld.bus.wire.library import Variant
from appctld.bus.wire.questions import BusCallError
from appctld.system.foreign import Handed

logger = logging.getLogger(__name__)
T = TypeVar("T")

ANSWER_SECONDS = 3.0  # for a property that a service has at hand


class Services:
    """Those of the system bus; `own` is the daemon's connection to it, in the system scope."""

    def __init__(self, own: Connection | None = None, address: str | None = None) -> None:
        self._own = own
        self._address = address
        self._opened: Connection | None = None

    async def get(self, name: str, path: str, interface: str, member: str, kind: type[T]) -> T | None:
        """A property, if it is of that kind; None where nothing is known."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self._get(name, path, interface, member)
        except (BusCallError, BusLostError, OSError, TimeoutError) as error:
            logger.debug("%s does not tell %s: %s", name, member, error)
            return None
        return answer if isinstance(answer, kind) else None

    async def borrow(self, name: str, path: str, interface: str, member: str, *words: str) -> Handed | None:
        """A descriptor that a method gives for some words; the caller closes it. None where there is none."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                connection = await self._connection()
                owner = await connection.present(name)
                if owner is None:
                    return None
                return await connection.borrow(owner, path, interface, member, "s" * len(words), words)
        except (BusCallError, BusLostError, OSError, TimeoutError) as error:
            logger.debug("%s does not do %s: %s", name, member, error)
            return None

    async def close(self) -> None:
        """Hang up, where that connection was opened here."""
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.close()

    async def _get(self, name: str, path: str, interface: str, member: str) -> object:
        connection = await self._connection()
        owner = await connection.present(name)
        if owner is None:
            return None
        properties = "org.freedesktop.DBus.Properties"
        (value,) = await connection.call(owner, path, properties, "Get", "ss", [interface, member])
        return value.value if isinstance(value, Variant) else None

    async def _connection(self) -> Connection:
        """Raises OSError where there is no such bus."""
        if self._own is not None:
            return self._own
        if self._opened is None or self._opened.is_lost:
            try:
                self._opened = await connect(self._address, system=True)
            except OSError:
                raise
            except Exception as error:  # the library's own, of several kinds
                raise OSError(f"the system bus does not let us in: {error}") from error
        return self._opened
