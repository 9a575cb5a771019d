# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""With every bound of the jobs reached, one message tells them all and stays far below the bus's limit."""

import asyncio

import pytest

from appctld.bus.caller import Caller
from appctld.bus.objects.asked import REFS_BYTES
from appctld.bus.wire.library import Message, as_bytes
from appctld.errors import NotAuthorized, NotFound
from appctld.jobs.fairness.finished import KEPT, KEPT_BYTES, KEPT_PER_UID
from appctld.jobs.job import JOB_BYTES, Job
from appctld.jobs.queue import UNFINISHED, UNFINISHED_PER_UID
from appctld.jobs.reporting.observer import Observer
from appctld.jobs.requests import AnyRequest, Install
from support.buses.bus import client
from support.buses.bus_service import Running, served

BUS_BYTES = 32 << 20  # max_message_size of dbus-daemon's system.conf; more disconnects the sender
FAR_BELOW = BUS_BYTES // 3
OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager"
FIRST_UID = 100_000
REFS = ("h.io/" + "a" * 251,) * (REFS_BYTES // 256)


def told_bytes(running: Running, uid: int) -> int:
    """The length of the answer to this user's GetManagedObjects."""
    standard = running.server._standard
    method = standard.find("/org/appctl/Installer1", OBJECT_MANAGER, "GetManagedObjects")
    assert method is not None
    body = method.run(Caller(uid, ":1.1"), "/org/appctl/Installer1", [])
    return len(as_bytes(Message(path="/x", member="X", signature=method.outs, body=body, serial=1)))


async def allowed() -> None:
    """Polkit says yes."""


async def refused() -> None:
    raise NotAuthorized("polkit does not allow it")


async def settle(running: Running, *, finished: bool) -> None:
    """Let every job that can end, end; the others get as far as they can."""
    while finished and running.jobs.active():
        await asyncio.wait([*running.jobs._tasks.values()], return_when=asyncio.FIRST_COMPLETED)
    for _ in range(10):
        await asyncio.sleep(0)


async def fill(running: Running, count: int, per_uid: int, *, finished: bool) -> None:
    """So many jobs, of as few users as may have them."""
    for number in range(count):
        running.jobs.start(Install(REFS), FIRST_UID + number // per_uid, allowed)
        await settle(running, finished=finished)


@pytest.mark.parametrize("large", [False, True], ids=["many", "large"])
def test_all_that_is_told_at_once_is_far_below_the_limit_of_the_bus(address: str, *, large: bool) -> None:
    async def scenario() -> None:
        gate = asyncio.Event()
        gate.set()

        async def work(request: AnyRequest, job: Job, observer: Observer) -> None:
            if large:
                job.result = {"apps": [{"id": "x", "layers": ["sha256:" + "0" * 64] * 256}] * 40}
            await gate.wait()
            raise NotFound(looked_at=["h" * 200] * (32 if large else 0))

        async with served(address, work) as running:
            too_many = 3 * KEPT_PER_UID if large else KEPT + 20
            await fill(running, too_many, KEPT_PER_UID, finished=True)
            gate.clear()
            await fill(running, UNFINISHED, UNFINISHED_PER_UID, finished=False)
            kept = len(running.jobs.all()) - UNFINISHED
            assert kept == (KEPT_BYTES // JOB_BYTES if large else KEPT)
            assert len(running.jobs.active()) == UNFINISHED
            assert REFS_BYTES * UNFINISHED < told_bytes(running, 0) < FAR_BELOW
            gate.set()

    asyncio.run(scenario())


def test_whoever_is_refused_again_and_again_is_told_next_to_nothing(address: str) -> None:
    async def scenario() -> None:
        async with served(address) as running, client(address) as caller:
            for _ in range(3 * KEPT_PER_UID):
                running.jobs.start(Install(REFS), FIRST_UID, refused)
                await settle(running, finished=True)
            assert len(running.jobs.all()) == KEPT_PER_UID
            assert told_bytes(running, FIRST_UID) < KEPT_PER_UID * 2048
            error, (objects,) = await caller.call("GetManagedObjects", interface=OBJECT_MANAGER)
            assert not error
            assert sum("/job/" in path for path in objects) == KEPT_PER_UID

    asyncio.run(scenario())
