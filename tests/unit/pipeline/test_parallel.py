# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""pipeline/parallel.py: side by side, with one honest error."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from appctld.errors import (
    AppctlError,
    Busy,
    DigestMismatch,
    Failed,
    LimitExceeded,
    NoSpace,
    RegistryUnavailable,
    UnsafeArchive,
)
from appctld.pipeline import parallel
from appctld.pipeline.parallel import in_parallel, two_ends


async def give(value: object) -> object:
    await asyncio.sleep(0)
    return value


async def fail(error: BaseException) -> object:
    await asyncio.sleep(0)
    raise error


class Endless:
    """Work that ends only by being cancelled, and says so."""

    def __init__(self) -> None:
        self.cancelled = False

    async def run(self) -> object:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return None


def test_results_come_in_the_order_of_the_work() -> None:
    async def main() -> tuple[object, ...]:
        first_may_go = asyncio.Event()

        async def first() -> object:
            await first_may_go.wait()
            return 1

        async def second() -> object:
            first_may_go.set()
            return 2

        return await in_parallel([first(), second()], 2)

    assert asyncio.run(main()) == (1, 2)


def test_no_work_is_done_at_once() -> None:
    assert asyncio.run(in_parallel([], 2)) == ()


@pytest.mark.parametrize("error", [DigestMismatch("x"), ValueError("x"), OSError(28, "x")])
def test_the_first_failure_is_raised_as_itself_and_ends_the_rest(error: Exception) -> None:
    endless = Endless()
    with pytest.raises(type(error)) as caught:
        asyncio.run(in_parallel([endless.run(), fail(error)], 2))
    assert caught.value is error
    assert endless.cancelled


def test_of_several_failures_the_one_with_a_name_is_raised() -> None:
    leaf = DigestMismatch("x")
    with pytest.raises(DigestMismatch) as caught:
        asyncio.run(in_parallel([fail(ValueError("bug")), fail(leaf)], 2))
    assert caught.value is leaf


def test_groups_in_groups_are_unwrapped() -> None:
    leaf = DigestMismatch("x")
    inner = ExceptionGroup("inner", [ValueError("bug"), ExceptionGroup("deeper", [leaf])])
    with pytest.raises(DigestMismatch) as caught:
        asyncio.run(in_parallel([fail(inner)], 2))
    assert caught.value is leaf


def test_nested_work_raises_one_error() -> None:
    leaf = DigestMismatch("x")

    async def main() -> None:
        await in_parallel([in_parallel([fail(leaf), give(1)], 2), give(2)], 2)

    with pytest.raises(DigestMismatch) as caught:
        asyncio.run(main())
    assert caught.value is leaf


def test_a_cancel_ends_all_of_it_and_stays_a_cancel() -> None:
    works = [Endless(), Endless()]

    async def main() -> None:
        task = asyncio.create_task(in_parallel([work.run() for work in works], 2))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert all(work.cancelled for work in works)


def test_both_results_of_a_pipe_are_given() -> None:
    assert asyncio.run(two_ends(give("source"), give(b"sink"))) == ("source", b"sink")


ECHO = Failed("the reader of the download is gone", echo=True)
DIED = Failed("a worker ended without an answer (signal 9)")
UNAVAILABLE = RegistryUnavailable("it went away")
MISMATCH = DigestMismatch("fewer bytes")
UNSAFE, FULL = UnsafeArchive("an archive that breaks off"), NoSpace("4 bytes are missing")
LIMIT = LimitExceeded("more than allowed")


@pytest.mark.parametrize(
    ("source", "sink", "explains"),
    [
        (UNAVAILABLE, MISMATCH, UNAVAILABLE),  # the body stopped: the sink's "too short" is its echo
        (DIED, MISMATCH, DIED),  # and so it is here
        (DIED, UNSAFE, DIED),
        (DIED, LIMIT, LIMIT),  # which nobody says who got too little
        (DIED, FULL, FULL),
        (ECHO, DIED, DIED),
        (ECHO, LIMIT, LIMIT),  # the sink had enough: the source's broken pipe is its echo
        (ECHO, MISMATCH, MISMATCH),
        (UNAVAILABLE, ECHO, UNAVAILABLE),
        (UNAVAILABLE, None, UNAVAILABLE),
        (None, MISMATCH, MISMATCH),
        (ECHO, None, ECHO),
        (None, ECHO, ECHO),
    ],
)
def test_of_two_ends_the_failure_that_explains_is_raised(
    source: AppctlError | None, sink: AppctlError | None, explains: AppctlError
) -> None:
    def end(error: AppctlError | None) -> Coroutine[Any, Any, object]:
        return fail(error) if error else give(1)

    with pytest.raises(AppctlError) as caught:
        asyncio.run(two_ends(end(source), end(sink)))
    assert caught.value is explains


def test_of_two_failures_of_ours_the_sources_is_raised() -> None:
    other = Failed("the sink")
    with pytest.raises(Failed) as caught:
        asyncio.run(two_ends(fail(DIED), fail(other)))
    assert caught.value is DIED


def test_the_other_end_is_waited_for_so_that_it_can_explain() -> None:
    """The echo comes first; the reason comes later, and is still the one that is raised."""

    async def main() -> None:
        echoed = asyncio.Event()

        async def source() -> None:
            echoed.set()
            raise ECHO

        async def sink() -> None:
            await echoed.wait()
            await asyncio.sleep(0)
            raise LIMIT

        await two_ends(source(), sink())

    with pytest.raises(LimitExceeded):
        asyncio.run(main())


@pytest.mark.parametrize("fails_first", ["source", "sink"])
def test_who_does_not_notice_that_the_pipe_has_ended_is_ended(
    fails_first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel, "ECHO_SECONDS", 0.01)
    deaf = Endless()
    ends = (fail(LIMIT), deaf.run()) if fails_first == "source" else (deaf.run(), fail(LIMIT))
    with pytest.raises(LimitExceeded):
        asyncio.run(two_ends(*ends))
    assert deaf.cancelled


def test_who_fails_at_nothing_is_waited_for_as_long_as_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "ECHO_SECONDS", 0.0)

    async def slow() -> int:
        await asyncio.sleep(0.05)
        return 1

    assert asyncio.run(two_ends(give("source"), slow())) == ("source", 1)


def test_a_bug_at_one_end_ends_the_other() -> None:
    endless = Endless()
    with pytest.raises(ZeroDivisionError):
        asyncio.run(two_ends(endless.run(), fail(ZeroDivisionError())))
    assert endless.cancelled


@pytest.mark.parametrize("at_once", [1, 3])
def test_only_so_much_is_done_at_once(at_once: int) -> None:
    running = most = 0

    async def work() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(3):
            await asyncio.sleep(0)
        running -= 1

    asyncio.run(in_parallel((work() for _ in range(10)), at_once))
    assert most == at_once


def test_what_never_began_is_closed_when_something_fails() -> None:
    """Python warns of coroutines that nobody awaited, and warnings are errors here."""
    with pytest.raises(Busy):
        asyncio.run(in_parallel([fail(Busy()), *(give(number) for number in range(5))], 1))
