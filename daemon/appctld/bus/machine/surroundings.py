# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""How it is around an update that nobody asked for: NetworkManager, UPower and logind are asked.

What their numbers mean: NetworkManager's D-Bus reference, NMMetered and NMState; UPower's, WarningLevel;
org.freedesktop.login1(5).
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from appctld.bus.machine.services import Services
from appctld.updates.surroundings import Surroundings

NETWORK = (
    "org.freedesktop.NetworkManager",
    "/org/freedesktop/NetworkManager",
    "org.freedesktop.NetworkManager",
)
POWER = ("org.freedesktop.UPower", "/org/freedesktop/UPower", "org.freedesktop.UPower")
BATTERY = (
    "org.freedesktop.UPower",
    "/org/freedesktop/UPower/devices/DisplayDevice",
    "org.freedesktop.UPower.Device",
)
LOGIN = ("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager")

METERED = frozenset({1, 3})  # yes, and what looks like it: a telephone's network
ASLEEP, CONNECTED = 10, 50  # of NMState: from the one up to the other there is no network, yet
LOW = 3  # of WarningLevel: low, then critical, then what is done about it
PATIENCE = (
    2.0,
) * 30  # seconds: a machine that wakes, and whose timer is due, has its network a moment later


class MachineServices:
    """What the services of one machine say."""

    def __init__(self, services: Services, patience: Sequence[float] = PATIENCE) -> None:
        self._services = services
        self._patience = patience

    async def surroundings(self) -> Surroundings:
        """How it is, once there is a network or none has come for a minute."""
        await self._network()
        return Surroundings(
            metered=await self._services.get(*NETWORK, "Metered", int) in METERED,
            on_battery=await self._is_low() or await self._services.get(*POWER, "OnBattery", bool) is True,
            going_down=await self._is("PreparingForSleep") or await self._is("PreparingForShutdown"),
        )

    @asynccontextmanager
    async def staying_up(self) -> AsyncIterator[None]:
        """For the length of the block sleep and shutdown wait, as long as logind lets them (seconds)."""
        lock = await self._services.borrow(
            *LOGIN, "Inhibit", "sleep:shutdown", "appctl", "An app is put in place", "delay"
        )
        try:
            yield
        finally:
            if lock is not None:
                lock.close()

    async def _network(self) -> None:
        """Wait for it where NetworkManager says that there is none; it may know nothing of what is there."""
        for seconds in self._patience:
            if not await self._is_connecting():
                return
            await asyncio.sleep(seconds)

    async def _is_connecting(self) -> bool:
        state = await self._services.get(*NETWORK, "State", int)
        return state is not None and ASLEEP <= state < CONNECTED

    async def _is_low(self) -> bool:
        level = await self._services.get(*BATTERY, "WarningLevel", int)
        return level is not None and level >= LOW

    async def _is(self, member: str) -> bool:
        return await self._services.get(*LOGIN, member, bool) is True
