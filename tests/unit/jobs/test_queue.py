# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""jobs/queue.py: authorized before anything, one final state whatever happens, remembered for a minute."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable

import pytest

from appctld.errors import (
    Busy,
    DigestMismatch,
    NeedsApproval,
    NotAuthorized,
    NotFound,
    PolkitRequired,
)
from appctld.jobs import queue as module
from appctld.jobs.fairness.questions import WAITING_PER_UID
from appctld.jobs.job import Job, State
from appctld.jobs.queue import RUNNING_PER_UID, UNFINISHED_PER_UID
from appctld.jobs.requests import (
    Install,
    Prune,
)
from support.buses.queue import (
    UID,
    Queue,
    Watcher,
    Work,
    failing,
    for_ever,
    nothing,
    refused,
    run,
    unanswered,
)


def ending(work: Work) -> tuple[Job, Watcher]:
    """One job that runs to its end."""

    async def main() -> tuple[Job, Watcher]:
        queue = Queue(work)
        job = queue.start()
        await queue.end()
        return job, queue.watcher

    return asyncio.run(main())


def test_a_job_goes_through_its_states_in_order() -> None:
    job, watcher = ending(nothing)
    assert watcher.states() == [State.AUTHORIZING, State.QUEUED, State.RUNNING, State.SUCCEEDED]
    assert watcher.told[0] == ("added", State.AUTHORIZING)
    assert watcher.told[-1] == ("finished", State.SUCCEEDED)
    assert (job.error, job.cancelable) == (None, False)


def test_a_job_says_what_it_is() -> None:
    async def main() -> None:
        queue = Queue(nothing)
        job = queue.start(Install(("h.io/a:1", "h.io/b:1"), {"background": True}))
        assert (job.kind, job.refs, job.uid) == ("install", ("h.io/a:1", "h.io/b:1"), UID)
        assert (job.title, job.background) == ("Install h.io/a:1 h.io/b:1", True)
        assert queue.start(Prune()).number == job.number + 1
        await queue.jobs.close()

    run(main)


def test_a_typed_error_fails_the_job_and_is_kept() -> None:
    error = DigestMismatch("other bytes", path="x")
    job, watcher = ending(failing(error))
    assert (job.state, job.error) == (State.FAILED, error)
    assert watcher.told[-1] == ("finished", State.FAILED)


def test_needs_approval_is_a_state_of_its_own() -> None:
    job, _ = ending(failing(NeedsApproval("it asks for home")))
    assert job.state is State.NEEDS_APPROVAL
    assert job.error is not None
    assert job.error.name == "NeedsApproval"


@pytest.mark.parametrize(
    "error",
    [ZeroDivisionError("secret"), ExceptionGroup("secret", [ValueError("secret")])],
)
def test_anything_unforeseen_is_failed_without_its_text(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    job, _ = ending(failing(error))
    assert job.state is State.FAILED
    assert job.error is not None
    assert job.error.name == "Failed"
    assert job.error.message == f"unexpected {type(error).__name__}"
    assert "secret" not in str(job.error.to_wire())
    assert "Traceback" in caplog.text, "the journal has the details"


@pytest.mark.parametrize(("number", "name"), [(28, "NoSpace"), (122, "NoSpace"), (30, "Failed")])
def test_what_the_kernel_refuses_is_told_in_its_own_words(number: int, name: str) -> None:
    job, _ = ending(failing(OSError(number, "secret", "/secret")))
    assert job.state is State.FAILED
    assert job.error is not None
    assert job.error.name == name
    assert job.error.message.endswith(os.strerror(number))


def test_a_failure_is_written_to_the_log_with_its_name(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        ending(failing(DigestMismatch("other bytes")))
    assert "DigestMismatch: other bytes" in caplog.text


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], State.SUCCEEDED),
        (["succeeded", "succeeded"], State.SUCCEEDED),
        (["succeeded", "failed"], State.PARTLY_FAILED),
        (["needs-approval", "failed"], State.PARTLY_FAILED),
        (["failed", "failed"], State.FAILED),
        (["succeeded", "needs-approval"], State.NEEDS_APPROVAL),
    ],
)
def test_of_several_apps_the_whole_is_told(states: list[str], expected: State) -> None:
    async def work(job: Job) -> None:
        job.items += [{"id": str(number), "state": state} for number, state in enumerate(states)]
        job.error = DigestMismatch("the first") if "failed" in states else None

    job, _ = ending(work)
    assert job.state is expected
    assert (job.error is not None) == ("failed" in states), "the first failure stays the job's"


def one_refusal(authorize: Callable[[], Awaitable[None]]) -> tuple[Job, Queue]:
    async def main() -> tuple[Job, Queue]:
        queue = Queue(nothing)
        job = queue.start(authorize=authorize)
        await queue.end()
        return job, queue

    return asyncio.run(main())


def test_a_job_that_is_refused_does_nothing() -> None:
    job, queue = one_refusal(refused)
    assert job.state is State.FAILED
    assert isinstance(job.error, NotAuthorized)
    assert queue.performed == []
    assert State.QUEUED not in queue.watcher.states()


def test_a_question_that_nobody_answers_is_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AUTHORIZING_SECONDS", 0.05)
    job, queue = one_refusal(unanswered)
    assert job.state is State.FAILED
    assert isinstance(job.error, PolkitRequired)
    assert queue.performed == []


@pytest.mark.parametrize(
    "error", [ConnectionError("gone"), TimeoutError(), KeyError("x"), PolkitRequired("x")]
)
def test_any_trouble_while_asking_is_a_no(error: Exception) -> None:
    async def trouble() -> None:
        raise error

    job, queue = one_refusal(trouble)
    assert job.state is State.FAILED
    assert queue.performed == []


def test_a_cancel_before_the_first_step_is_seen() -> None:
    async def main() -> None:
        queue = Queue(nothing)
        job = queue.start()
        queue.jobs.cancel(job.number, UID)
        await queue.end()
        assert job.state is State.CANCELLED
        assert job.error is not None
        assert job.error.name == "Cancelled"
        assert queue.performed == []
        assert [what for what, _ in queue.watcher.told].count("finished") == 1

    run(main)


@pytest.mark.parametrize("uid", [UID, 0])
def test_a_cancel_while_it_runs_ends_it(uid: int) -> None:
    async def main() -> None:
        queue = Queue(for_ever)
        job = queue.start()
        await queue.reached(job, State.RUNNING)
        queue.jobs.cancel(job.number, uid)
        await queue.end()
        assert job.state is State.CANCELLED
        queue.jobs.cancel(job.number, uid)
        assert job.state is State.CANCELLED
        assert [what for what, _ in queue.watcher.told].count("finished") == 1

    run(main)


def test_a_cancel_while_it_is_authorized_ends_it() -> None:
    async def main() -> None:
        queue = Queue(nothing)
        job = queue.start(authorize=unanswered)
        await asyncio.sleep(0)
        queue.jobs.cancel(job.number, UID)
        await queue.end()
        assert job.state is State.CANCELLED
        assert queue.performed == []

    run(main)


def test_another_users_job_is_not_theirs_to_cancel() -> None:
    async def main() -> None:
        queue = Queue(for_ever)
        job = queue.start()
        await queue.reached(job, State.RUNNING)
        with pytest.raises(NotAuthorized):
            queue.jobs.cancel(job.number, UID + 1)
        await asyncio.sleep(0)
        assert job.state is State.RUNNING
        await queue.jobs.close()

    run(main)


def test_once_the_new_version_is_being_put_in_place_it_is_too_late() -> None:
    async def work(job: Job) -> None:
        job.cancelable = False
        await for_ever(job)

    async def main() -> None:
        queue = Queue(work)
        job = queue.start()
        await queue.reached(job, State.RUNNING)
        await asyncio.sleep(0)
        with pytest.raises(Busy, match="too late"):
            queue.jobs.cancel(job.number, UID)
        assert job.state is State.RUNNING
        await queue.jobs.close()

    run(main)


def test_a_job_that_does_not_exist_is_not_found() -> None:
    async def main() -> None:
        queue = Queue(nothing)
        with pytest.raises(NotFound):
            queue.jobs.get(1)
        with pytest.raises(NotFound):
            queue.jobs.cancel(1, UID)

    run(main)


def test_one_user_may_have_so_many_questions_open_and_another_still_may() -> None:
    async def main() -> None:
        queue = Queue(nothing)
        for _ in range(WAITING_PER_UID):
            queue.start(authorize=unanswered)
        with pytest.raises(Busy, match="wait for an authorization"):
            queue.start(authorize=unanswered)
        assert len(queue.jobs.all()) == WAITING_PER_UID
        queue.start(uid=UID + 1)
        await queue.jobs.close()

    run(main)


def test_one_user_may_have_so_many_unfinished_jobs_and_another_still_may() -> None:
    async def main() -> None:
        queue = Queue(for_ever)
        for _ in range(UNFINISHED_PER_UID):
            await queue.reached(queue.start(), State.QUEUED, State.RUNNING)
        with pytest.raises(Busy, match="unfinished"):
            queue.start()
        queue.start(uid=UID + 1)
        queue.jobs.cancel(1, UID)
        await queue.end()
        queue.start()
        await queue.jobs.close()

    run(main)


def test_only_so_many_work_at_once_and_the_next_begins_when_one_ends() -> None:
    async def main() -> None:
        queue = Queue(for_ever)
        jobs = [queue.start() for _ in range(RUNNING_PER_UID + 1)]
        for job in jobs:
            await queue.reached(job, State.QUEUED, State.RUNNING)
        await asyncio.sleep(0)
        assert [job.state for job in jobs] == [*[State.RUNNING] * RUNNING_PER_UID, State.QUEUED]
        queue.jobs.cancel(jobs[0].number, UID)
        await queue.reached(jobs[-1], State.RUNNING)
        await queue.jobs.close()

    run(main)


def test_a_finished_job_can_be_asked_about_until_it_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        queue = Queue(nothing)
        job = queue.start()
        await queue.end()
        assert queue.jobs.get(job.number) is job
        assert queue.jobs.active() == []
        loop = asyncio.get_running_loop()
        clock = loop.time
        monkeypatch.setattr(loop, "time", lambda: clock() + module.KEPT_SECONDS)
        await asyncio.wait_for(queue.watcher.removed.wait(), 30)
        assert queue.jobs.all() == []
        with pytest.raises(NotFound):
            queue.jobs.get(job.number)
        assert queue.watcher.told[-1] == ("removed", State.SUCCEEDED)

    run(main)


def test_it_is_kept_for_a_minute() -> None:
    """The interface promises it to clients that were away for a moment."""
    assert module.KEPT_SECONDS >= 60


def test_closing_ends_every_job() -> None:
    async def main() -> None:
        queue = Queue(for_ever)
        jobs = [queue.start() for _ in range(RUNNING_PER_UID + 2)]
        await queue.reached(jobs[0], State.RUNNING)
        await queue.jobs.close()
        assert {job.state for job in jobs} == {State.CANCELLED}
        await queue.jobs.close()

    run(main)


def test_who_comes_while_it_closes_is_told_to_call_again() -> None:
    async def scenario() -> None:
        queue = Queue(for_ever)
        job = queue.start()
        await queue.reached(job, State.RUNNING)
        closing = asyncio.create_task(queue.jobs.close())
        await asyncio.sleep(0)
        with pytest.raises(Busy, match="is being stopped"):
            queue.start()
        await closing
        assert job.error is not None
        assert job.error.message == "the daemon was stopped"

    run(scenario)


def test_every_state_knows_whether_it_is_final() -> None:
    assert {state.value for state in State if not state.finished} == {
        "authorizing", "queued", "running", "needs-credentials",
    }  # fmt: skip
