# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""jobs/credentials.py and the queue: a job that waits for a login, who may give one, and where it goes."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from appctld.errors import AppctlError, InvalidReference, NotAuthorized, NotFound, RegistryAuth
from appctld.jobs import credentials
from appctld.jobs.fairness.questions import WAITING_PER_UID
from appctld.jobs.job import Job, State
from appctld.jobs.queue import RUNNING_PER_UID
from appctld.jobs.reporting.observer import Observer
from appctld.jobs.requests import AnyRequest, CheckUpdates, Install, Resolve, Update
from appctld.jobs.work import work
from appctld.jobs.workshop import workshop
from appctld.model.jsonvalue import JsonObject, get_objects, get_str
from appctld.model.login import Login
from appctld.workers.protocol import Report, descriptor
from support.buses.queue import UID, Queue, nothing, run
from support.deciders import everything
from support.workers.inline import layer_of
from support.worlds.world import BASE, TOP, Yard

HELLO, MINE = "acme.example/x/hello:1", "other.example/x/mine:1"
ASK = {"ask-credentials": True}
SECRET: JsonObject = {"username": "u", "password": "p"}
GIVEN = Login("acme.example", SECRET)
OTHERS = Login("acme.example", {"username": "u", "password": "wrong"})


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    """A registry that shows `acme.example` to nobody but one user."""
    yard = Yard(tmp_path)
    yard.registry.push("1", [BASE, TOP])
    answers = dict(yard.registry.handlers())

    def guarded(op: str) -> Callable[[JsonObject, Report], JsonObject]:
        def answer(request: JsonObject, report: Report) -> JsonObject:
            if "acme" in get_str(request, "registry") and request["credential"] != SECRET:
                os.close(descriptor(request, "out"))
                raise RegistryAuth("it refuses", host="evil.example", repository="a/b", status=401)
            return answers[op](request, report)

        return answer

    yard.runner.instead |= {op: guarded(op) for op in ("resolve", "blob")}
    return yard


class Desk(Queue):
    """The queue over a yard's real work."""

    def __init__(self, yard: Yard) -> None:
        super().__init__(nothing)
        self._yard = yard

    async def perform(self, request: AnyRequest, job: Job, _observer: Observer) -> None:
        shop = workshop(
            "user", self._yard.tools, self._yard.book, self._yard.observer, job, request, everything
        )
        job.result = await work(request, shop)

    async def over(self, job: Job) -> None:
        await self.reached(job, *(state for state in State if state.finished))


def at(yard: Yard, main: Callable[[Desk], Coroutine[Any, Any, None]]) -> None:
    async def scenario() -> None:
        desk = Desk(yard)
        await main(desk)
        await desk.jobs.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("request_", [Install((HELLO,), ASK), Resolve(HELLO, ASK)])
def test_a_job_waits_for_the_login_and_goes_on_with_it(request_: AnyRequest, yard: Yard) -> None:
    async def main(desk: Desk) -> None:
        job = desk.start(request_)
        await desk.reached(job, State.NEEDS_CREDENTIALS)
        assert isinstance(job.complaint, RegistryAuth)
        assert (job.complaint.data["host"], job.complaint.data["repository"]) == ("acme.example", "x/hello")
        assert job.complaint.advice == "appctl login acme.example"
        desk.jobs.provide(job.number, UID, GIVEN)
        await desk.over(job)
        assert job.state is State.SUCCEEDED
        assert {job.complaint, job.question} == {None}
        told = [state for _, state in desk.watcher.told]
        assert told.index(State.RUNNING) < told.index(State.NEEDS_CREDENTIALS)
        assert State.QUEUED in told[told.index(State.NEEDS_CREDENTIALS) :]

    at(yard, main)


def test_what_it_opens_is_kept_apart_as_with_a_login_from_the_beginning(yard: Yard) -> None:
    async def main(desk: Desk) -> None:
        job = desk.start(Install((HELLO,), ASK))
        await desk.reached(job, State.NEEDS_CREDENTIALS)
        desk.jobs.provide(job.number, UID, GIVEN)
        await desk.over(job)

    at(yard, main)
    assert [path.name for path in yard.paths.blobs.iterdir()] == ["acme.login"]
    before = len(yard.registry.asked)
    yard.do(Install((MINE,)))
    assert len(yard.registry.asked) == before + 3, "its config and both layers"


def test_a_login_that_did_not_open_it_gives_way(yard: Yard) -> None:
    auth = [{"host": "acme.example/x/hello", "username": "u", "password": "wrong"}]

    async def main(desk: Desk) -> None:
        job = desk.start(Install((HELLO,), {**ASK, "registry-auth": auth}))
        await desk.reached(job, State.NEEDS_CREDENTIALS)
        desk.jobs.provide(job.number, UID, GIVEN)
        await desk.over(job)
        assert job.state is State.SUCCEEDED

    at(yard, main)


def test_of_several_the_others_need_no_second_answer(yard: Yard) -> None:
    async def main(desk: Desk) -> None:
        job = desk.start(Install((HELLO, MINE, "acme.example/x/second:1"), ASK))
        await desk.reached(job, State.NEEDS_CREDENTIALS)
        desk.jobs.provide(job.number, UID, GIVEN)
        await desk.over(job)
        assert [item["state"] for item in job.items] == ["succeeded"] * 3

    at(yard, main)
    credentials_of = {get_str(request, "registry"): request["credential"]
                      for request in yard.runner.requests if "registry" in request}  # fmt: skip
    assert credentials_of == {"https://acme.example": SECRET, "https://other.example": None}


@pytest.mark.parametrize("request_", [Update((), ASK), CheckUpdates(ASK)])
def test_updates_wait_for_a_login_too(request_: AnyRequest, yard: Yard) -> None:
    with_login = {"registry-auth": [{"host": "acme.example", "username": "u", "password": "p"}]}
    yard.do(Install((HELLO,), with_login))
    yard.registry.push("1", [BASE, layer_of({"usr/": None, "usr/newer": b"x"})], Env=["A=b"])

    async def main(desk: Desk) -> None:
        job = desk.start(request_)
        await desk.reached(job, State.NEEDS_CREDENTIALS)
        desk.jobs.provide(job.number, UID, GIVEN)
        await desk.over(job)
        (told,) = get_objects(job.result, "apps" if isinstance(request_, Update) else "updates")
        assert told.get("changed") is True or told["error"] == ""

    at(yard, main)


# --- who is not asked, and what is no answer


def test_without_the_option_nobody_is_asked(yard: Yard) -> None:
    async def main(desk: Desk) -> None:
        job = desk.start(Install((HELLO,)))
        await desk.over(job)
        assert isinstance(job.error, RegistryAuth)
        assert State.NEEDS_CREDENTIALS not in desk.watcher.states()

    at(yard, main)


def test_a_job_asks_once(yard: Yard) -> None:
    async def main(desk: Desk) -> None:
        job = desk.start(Install((HELLO,), ASK))
        await desk.reached(job, State.NEEDS_CREDENTIALS)
        desk.jobs.provide(job.number, UID, OTHERS)
        with pytest.raises(NotFound):
            desk.jobs.provide(job.number, UID, GIVEN)
        await desk.over(job)
        assert isinstance(job.error, RegistryAuth)
        with pytest.raises(NotFound):
            desk.jobs.provide(job.number, UID, GIVEN)

    at(yard, main)


def test_who_does_not_answer_gets_what_the_registry_said(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "CREDENTIALS_SECONDS", 0.0)

    async def main(desk: Desk) -> None:
        job = desk.start(Install((HELLO, MINE), ASK))
        await desk.over(job)
        assert State.NEEDS_CREDENTIALS in desk.watcher.states()
        assert [item["state"] for item in job.items] == ["failed", "succeeded"]
        assert isinstance(job.error, RegistryAuth)

    at(yard, main)


@pytest.mark.parametrize("uid", [UID + 1, 0], ids=["another", "root"])
def test_nobody_but_its_own_user_may_answer(uid: int, yard: Yard) -> None:
    async def main(desk: Desk) -> None:
        job = desk.start(Install((HELLO,), ASK))
        await desk.reached(job, State.NEEDS_CREDENTIALS)
        with pytest.raises(NotAuthorized):
            desk.jobs.provide(job.number, uid, GIVEN)
        assert job.state is State.NEEDS_CREDENTIALS

    at(yard, main)


@pytest.mark.parametrize(
    "place", ["evil.example", "other.example", "acme.example/x/hell", "acme.example/x/hello/b"]
)
def test_a_login_of_another_place_is_refused_and_the_job_still_waits(place: str, yard: Yard) -> None:
    async def main(desk: Desk) -> None:
        job = desk.start(Install((HELLO,), ASK))
        await desk.reached(job, State.NEEDS_CREDENTIALS)
        with pytest.raises(InvalidReference):
            desk.jobs.provide(job.number, UID, Login(place, SECRET))
        desk.jobs.provide(job.number, UID, Login("acme.example/x", SECRET))
        await desk.over(job)
        assert job.state is State.SUCCEEDED

    at(yard, main)


def test_a_job_that_waits_is_cancelled(yard: Yard) -> None:
    async def main(desk: Desk) -> None:
        job = desk.start(Install((HELLO,), ASK))
        await desk.reached(job, State.NEEDS_CREDENTIALS)
        desk.jobs.cancel(job.number, UID)
        await desk.over(job)
        assert job.state is State.CANCELLED

    at(yard, main)


# --- what one who waits takes from others


async def wanting(job: Job) -> None:
    """Work that finds a registry which wants a login."""
    assert job.question is not None
    await job.question.ask(RegistryAuth("it refuses", host="h.io", repository="a"))


def test_who_waits_holds_no_place_to_work() -> None:
    async def main() -> None:
        queue = Queue(wanting)
        jobs = [queue.start(Install(("h.io/a:1",), ASK)) for _ in range(RUNNING_PER_UID + 1)]
        for job in jobs:
            await queue.reached(job, State.NEEDS_CREDENTIALS)
        for job in jobs:
            queue.jobs.provide(job.number, UID, Login("h.io", SECRET))
            await queue.reached(job, State.SUCCEEDED)

    run(main)


def test_one_user_is_asked_few_questions_at_once() -> None:
    async def main() -> None:
        queue = Queue(wanting)
        jobs = []
        for _ in range(WAITING_PER_UID):
            jobs.append(queue.start(Install(("h.io/a:1",), ASK)))
            await queue.reached(jobs[-1], State.NEEDS_CREDENTIALS)
        with pytest.raises(AppctlError, match="already wait"):
            queue.start()
        for job in jobs:
            queue.jobs.cancel(job.number, UID)
        await queue.reached(jobs[-1], State.CANCELLED)
        queue.start()
        await queue.jobs.close()

    run(main)


def test_who_would_be_asked_one_question_too_many_gets_what_the_registry_said() -> None:
    async def main() -> None:
        late = asyncio.Event()

        async def work_(job: Job) -> None:
            if job.number == 1:
                await late.wait()
            await wanting(job)

        queue = Queue(work_)
        first = queue.start(Install(("h.io/a:1",), ASK))
        await queue.reached(first, State.RUNNING)
        for _ in range(WAITING_PER_UID):
            job = queue.start(Install(("h.io/a:1",), ASK))
            await queue.reached(job, State.NEEDS_CREDENTIALS)
        late.set()
        await queue.reached(first, State.FAILED)
        assert isinstance(first.error, RegistryAuth)
        await queue.jobs.close()

    run(main)


def test_nobody_is_asked_about_a_place_that_has_no_name() -> None:
    """An OSTree repository that answers 401: no login is for it."""

    async def nameless(job: Job) -> None:
        assert job.question is not None
        await job.question.ask(RegistryAuth("it wants a login"))

    async def main() -> None:
        queue = Queue(nameless)
        job = queue.start(Install(("trees:app",), ASK))
        await queue.reached(job, State.FAILED)
        assert State.NEEDS_CREDENTIALS not in queue.watcher.states()
        assert job.error is not None
        assert job.error.advice == "appctl help credentials"

    run(main)
