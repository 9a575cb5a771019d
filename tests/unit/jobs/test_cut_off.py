# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Jobs that the daemon's own end cancels in the middle of a change: what is done by then is history."""

import asyncio
import threading
from pathlib import Path

import pytest

from appctld.jobs.job import Job, State
from appctld.jobs.queue import Jobs
from appctld.jobs.requests import AnyRequest, Install, Uninstall
from appctld.jobs.start import _performer
from appctld.model.jsonvalue import JsonObject, get_str
from appctld.state.held import held, hold
from appctld.state.history import read_events
from appctld.state.records import installed
from appctld.workers.protocol import Report
from appctld.workers.store.__main__ import HANDLERS as STORE
from support.buses.queue import allowed
from support.deciders import everything
from support.worlds.flatpaks import EDITOR, PLATFORM, entry, listed, publish, reference
from support.worlds.world import Yard

PATIENCE = 30  # seconds on a busy machine until something must have happened


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    """An app, and the runtime that comes with it."""
    yard = Yard(tmp_path)
    publish(yard.registry, EDITOR)
    yard.registry.listed = listed(entry(PLATFORM, publish(yard.registry, PLATFORM)))
    return yard


class Cut:
    """The end of the daemon while the store is to do something with an app: before it, or just too late."""

    def __init__(self, yard: Yard, op: str, *, late: bool) -> None:
        self._yard, self._late = yard, late
        self._handler = STORE[op]
        self._ended = threading.Event()
        yard.runner.instead[op] = self._asked

    def run(self, request: AnyRequest) -> Job:
        """The job that is cut off."""
        return asyncio.run(self._main(request))

    async def _main(self, request: AnyRequest) -> Job:
        self._loop, self._now = asyncio.get_running_loop(), asyncio.Event()
        jobs = Jobs(_performer("user", self._yard.tools, self._yard.book, None, everything))
        jobs.observer = self._yard.observer
        job = jobs.start(request, 1, allowed)
        async with asyncio.timeout(PATIENCE):
            await self._now.wait()
        await jobs.close()
        self._ended.set()
        return job

    def _asked(self, request: JsonObject, report: Report) -> JsonObject:
        """In the store's thread: its answer comes when the job has ended without it."""
        if request["id"] != EDITOR.id:
            return self._handler(request, report)
        answer = self._handler(request, report) if self._late else {}
        self._loop.call_soon_threadsafe(self._now.set)
        self._ended.wait(PATIENCE)
        return answer


def history(yard: Yard) -> list[tuple[str, str, str]]:
    """What was done or tried, with what, and how it failed; oldest first."""
    events = read_events(yard.paths, lambda _event: True)
    return [
        (get_str(one, "event"), get_str(one, "id"), get_str(one, "error", "")) for one in reversed(events)
    ]


@pytest.mark.parametrize("late", [False, True])
def test_a_runtime_that_was_deployed_before_the_cancel_has_its_line(late: bool, yard: Yard) -> None:  # noqa: FBT001 - a row
    job = Cut(yard, "deploy", late=late).run(Install((reference(EDITOR),)))
    assert job.state is State.CANCELLED
    done = [("install", PLATFORM.id, ""), *([("install", EDITOR.id, "")] if late else [])]
    assert history(yard) == [*done, ("install", "", "Cancelled")]
    assert sorted(installed(yard.paths)) == sorted(app for _, app, _ in done)
    assert yard.observer.apps == [app for _, app, _ in done]


@pytest.mark.parametrize("late", [False, True])
def test_an_app_that_is_gone_has_its_line_and_nothing_of_it_is_decided_any_more(
    late: bool,  # noqa: FBT001 - a row
    yard: Yard,
) -> None:
    yard.do(Install((reference(EDITOR),)))
    hold(yard.paths, EDITOR.id, wanted=True)
    before = len(history(yard))
    job = Cut(yard, "remove", late=late).run(Uninstall((EDITOR.id,)))
    assert job.state is State.CANCELLED
    done = [("uninstall", EDITOR.id, "")] if late else []
    assert history(yard)[before:] == [*done, ("uninstall", EDITOR.id, "Cancelled")]
    assert (EDITOR.id in installed(yard.paths)) is not late
    assert (EDITOR.id in held(yard.paths)) is not late
