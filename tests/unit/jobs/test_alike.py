# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""jobs/queue.py: which of a user's jobs does the very same as a new request."""

import asyncio
import os
from types import MappingProxyType

import pytest

from appctld.jobs.job import Job, State
from appctld.jobs.requests import AnyRequest, Install, Resolve, Update
from appctld.system.foreign import Handed
from support.buses.queue import UID, Queue, allowed, for_ever, run, unanswered

HELLO = ("h.io/a:1",)
ASK: dict[str, object] = {"ask-credentials": True}
LOGIN = MappingProxyType({"host": "h.io", "username": "u", "password": "p"})
OPTIONS = MappingProxyType({"expected-digest": "d", "registry-auth": (LOGIN,)})


def other_login() -> AnyRequest:
    wrong = MappingProxyType({"host": "h.io", "username": "u", "password": "q"})
    return Install(HELLO, MappingProxyType({"expected-digest": "d", "registry-auth": (wrong,)}))


def test_a_job_that_works_is_found_by_the_same_request() -> None:
    async def main() -> None:
        queue = Queue(for_ever)
        job = queue.start(Install(HELLO, OPTIONS))
        await queue.reached(job, State.RUNNING)
        assert queue.jobs.alike(Install(HELLO, MappingProxyType(dict(OPTIONS))), UID) is job
        await queue.jobs.close()

    run(main)


@pytest.mark.parametrize(
    ("request_", "uid"),
    [
        (Install(HELLO, OPTIONS), UID + 1),
        (Install(HELLO, OPTIONS), 0),
        (Install(HELLO), UID),
        (Install(("h.io/a:2",), OPTIONS), UID),
        (Install((*HELLO, *HELLO), OPTIONS), UID),
        (Update(HELLO, OPTIONS), UID),
        (Resolve(HELLO[0], OPTIONS), UID),
        (other_login(), UID),
    ],
    ids=["another-user", "root", "options", "tag", "number", "kind", "preview", "login"],
)
def test_what_differs_is_another_job(request_: AnyRequest, uid: int) -> None:
    async def main() -> None:
        queue = Queue(for_ever)
        job = queue.start(Install(HELLO, OPTIONS))
        await queue.reached(job, State.RUNNING)
        assert queue.jobs.alike(request_, uid) is None
        await queue.jobs.close()

    run(main)


@pytest.mark.parametrize(
    ("running", "request_", "joined"), [(ASK, ASK, True), ({}, ASK, True), (ASK, {}, False)]
)
def test_who_cannot_be_asked_does_not_wait_for_who_can(
    running: dict[str, object],
    request_: dict[str, object],
    joined: bool,  # noqa: FBT001 - a table
) -> None:
    async def main() -> None:
        queue = Queue(for_ever)
        job = queue.start(Install(HELLO, {**OPTIONS, **running}))
        await queue.reached(job, State.RUNNING)
        found = queue.jobs.alike(Install(HELLO, {**OPTIONS, **request_}), UID)
        assert found is (job if joined else None)
        await queue.jobs.close()

    run(main)


def test_what_nobody_authorized_yet_is_not_joined() -> None:
    async def main() -> None:
        queue = Queue(for_ever)
        queue.start(Install(HELLO), authorize=unanswered)
        assert queue.jobs.alike(Install(HELLO), UID) is None
        await queue.jobs.close()

    run(main)


def test_a_job_that_ends_is_not_joined() -> None:
    """Neither one that ended, nor one that was told to and still tidies up."""
    leaves = asyncio.Event()

    async def tidying(job: Job) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await leaves.wait()

    async def main() -> None:
        queue = Queue(tidying)
        job = queue.start(Install(HELLO))
        await queue.reached(job, State.RUNNING)
        queue.jobs.cancel(job.number, UID)
        await asyncio.sleep(0)
        assert job.state is State.RUNNING
        assert queue.jobs.alike(Install(HELLO), UID) is None
        leaves.set()
        await queue.end()
        assert queue.jobs.alike(Install(HELLO), UID) is None
        await queue.jobs.close()  # until its task has ended, too
        await asyncio.sleep(0)  # and what is called then
        assert queue.jobs._requests == {}

    run(main)


def test_who_brings_a_file_joins_nobody() -> None:
    async def main() -> None:
        queue = Queue(for_ever)
        first, second = (Handed(os.open("/dev/null", os.O_RDONLY)) for _ in range(2))
        job = queue.jobs.start(Install(HELLO, {"bundle": first}), UID, allowed)
        await queue.reached(job, State.RUNNING)
        assert queue.jobs.alike(Install(HELLO, {"bundle": second}), UID) is None
        second.close()
        await queue.jobs.close()

    run(main)
