# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""bus/objects/job.py: Provide over a real bus; what a job that waits shows, and never a password."""

import asyncio
from typing import Any

import pytest

from appctld.errors import RegistryAuth
from appctld.jobs.job import Job
from appctld.jobs.reporting.observer import Observer
from appctld.jobs.requests import AnyRequest
from support.buses.bus import ERROR, JOB, Client, client
from support.buses.bus_service import served

PASSWORD = "correct-horse-battery"
ASK = {"ask-credentials": ("b", True)}
LOGIN = {"host": ("s", "h.io"), "username": ("s", "alice"), "password": ("s", PASSWORD)}


async def wanting(request: AnyRequest, job: Job, observer: Observer) -> None:
    """Work that finds a registry which wants a login."""
    assert job.question is not None
    await job.question.ask(RegistryAuth("h.io refuses a/b", host="h.io", repository="a/b"))


async def waiting(caller: Client) -> tuple[str, dict[str, Any]]:
    """A job that waits for a login: its path and properties."""
    _, (path,) = await caller.call("Install", "asa{sv}", ["acme/x"], ASK)
    while True:
        told = await caller.get_all(path, JOB)
        if told["State"] == "needs-credentials":
            return path, told
        await asyncio.sleep(0.01)


async def provide(caller: Client, path: str, login: object) -> tuple[str, Any]:
    return await caller.call("Provide", "a{sv}", login, path=path, interface=JOB)


def test_a_job_that_waits_says_for_what_and_takes_it(address: str) -> None:
    async def scenario() -> None:
        async with served(address, wanting), client(address) as caller:
            path, told = await waiting(caller)
            assert told["ErrorName"] == f"{ERROR}RegistryAuth"
            assert told["Hint"] == "appctl login h.io"
            assert told["ErrorDetails"] == {"host": ("s", "h.io"), "repository": ("s", "a/b")}
            assert await provide(caller, path, LOGIN) == ("", ())
            job, state, *_ = await caller.signal("JobFinished")
            assert (job, state) == (path, "succeeded")
            told = await caller.get_all(path, JOB)
            assert (told["ErrorName"], told["ErrorDetails"], told["Hint"]) == ("", {}, "")
            assert PASSWORD not in repr(told)
            error, _ = await provide(caller, path, LOGIN)
            assert error == f"{ERROR}NotFound"

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("login", "error"),
    [
        ({}, f"{ERROR}InvalidReference"),
        ({"host": ("s", "h.io")}, f"{ERROR}InvalidReference"),
        ({"host": ("s", ""), "username": ("s", "a"), "password": ("s", "b")}, f"{ERROR}InvalidReference"),
        ({"username": ("s", "a"), "password": ("s", "b")}, f"{ERROR}InvalidReference"),
        ({**LOGIN, "host": ("s", "other.io")}, f"{ERROR}InvalidReference"),
        ({**LOGIN, "password": ("s", "x" * (65 << 10))}, f"{ERROR}LimitExceeded"),
        ({**LOGIN, "password": ("u", 5)}, "org.freedesktop.DBus.Error.InvalidArgs"),
        ({**LOGIN, "require-x": ("b", True)}, "org.freedesktop.DBus.Error.InvalidArgs"),
    ],
)
def test_what_is_no_login_is_refused_and_the_job_waits(address: str, login: object, error: str) -> None:
    async def scenario() -> None:
        async with served(address, wanting), client(address) as caller:
            path, _ = await waiting(caller)
            found, _ = await provide(caller, path, login)
            assert found == error
            assert (await caller.get_all(path, JOB))["State"] == "needs-credentials"

    asyncio.run(scenario())


@pytest.mark.parametrize("options", [{}, {"ask-credentials": ("b", False)}])
def test_a_job_that_asks_for_nothing_takes_no_login(address: str, options: dict[str, object]) -> None:
    async def for_ever(request: AnyRequest, job: Job, observer: Observer) -> None:
        await asyncio.Event().wait()

    async def scenario() -> None:
        async with served(address, for_ever), client(address) as caller:
            _, (path,) = await caller.call("Install", "asa{sv}", ["acme/x"], options)
            error, _ = await provide(caller, path, LOGIN)
            assert error == f"{ERROR}NotFound"

    asyncio.run(scenario())
