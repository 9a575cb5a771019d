# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A daemon that asks the real polkitd, as if it ran as another user, and a moment while polkitd thinks."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from appctld.bus.polkit import PolkitAuthorizer
from appctld.bus.wire.connection import connect
from support.buses.bus import Client
from support.buses.bus_service import Running, served
from support.services.polkitd import Polkitd

ME = os.getuid()


@dataclass(frozen=True)
class Guarded:
    """A bus with a polkitd."""

    address: str
    polkitd: Polkitd


@asynccontextmanager
async def system(guarded: Guarded) -> AsyncIterator[Running]:
    """A daemon that asks polkitd, as if it ran as another user."""
    asking = await connect(guarded.address)
    authorizer = PolkitAuthorizer(asking, ME + 1)
    async with served(guarded.address, authorizer=authorizer, daemon_uid=ME + 1) as running:
        yield running
    await asking.close()


async def _read_by_somebody(pipe: Path) -> int:
    """The writing end, once the rule reads from the other."""
    while True:
        with contextlib.suppress(OSError):  # ENXIO: not yet
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        await asyncio.sleep(0.01)


@asynccontextmanager
async def while_polkitd_thinks(guarded: Guarded, caller: Client) -> AsyncIterator[None]:
    """An Install; what is done inside happens after polkitd was asked, and before it says yes."""
    pipe = guarded.polkitd.wait_to_be_asked()
    error, _ = await caller.call("Install", "asa{sv}", ["acme/x"], {})
    assert not error
    answering = await asyncio.wait_for(_read_by_somebody(pipe), 20)
    try:
        yield
    finally:
        guarded.polkitd.say("*=yes")
        with contextlib.suppress(BrokenPipeError):  # polkitd may have been ended meanwhile
            os.write(answering, b"*=yes")
        os.close(answering)
