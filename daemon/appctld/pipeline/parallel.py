# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Work side by side, with one honest error: the only place that makes a TaskGroup."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from appctld.errors import AppctlError, ContentMismatch, Failed, UnsafeArchive

ECHO_SECONDS = 10.0  # until the other end of a pipe has noticed: its next read or write, on a busy disk
TOO_LITTLE = (ContentMismatch, UnsafeArchive, Failed)  # what a sink may say when its source dies

T = TypeVar("T")
U = TypeVar("U")


async def in_parallel(work: Iterable[Coroutine[Any, Any, T]], at_once: int) -> tuple[T, ...]:
    """The results in the order of `work`. The first failure cancels the rest and is raised as itself."""
    room = asyncio.Semaphore(at_once)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_in_turn(each, room)) for each in work]
    except BaseExceptionGroup as failures:
        raise _first_leaf(failures) from failures
    return tuple(task.result() for task in tasks)


async def two_ends(source: Coroutine[Any, Any, T], sink: Coroutine[Any, Any, U]) -> tuple[T, U]:
    """Two children on the ends of one pipe: whichever fails ends the other, so both are waited for.

    The failure that explains is raised (`_explaining`). Who does not notice the pipe's end is ended.
    """
    try:
        async with asyncio.TaskGroup() as group:
            ends = [group.create_task(_outcome(work)) for work in (source, sink)]
            done, left = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if left and any(isinstance(end.result(), AppctlError) for end in done):
                _, deaf = await asyncio.wait(left, timeout=ECHO_SECONDS)
                for end in deaf:
                    end.cancel()
    except BaseExceptionGroup as failures:
        raise _first_leaf(failures) from failures
    first, second = (None if end.cancelled() else end.result() for end in ends)
    if failure := _explaining(first, second):
        raise failure
    return first, second  # type: ignore[return-value]  # no failures, and nobody was ended


async def _in_turn(work: Coroutine[Any, Any, T], room: asyncio.Semaphore) -> T:
    try:
        async with room:
            return await work
    finally:
        work.close()  # one that was cancelled while it waited never began


async def _outcome(work: Coroutine[Any, Any, object]) -> object:
    try:
        return await work
    except AppctlError as error:
        return error


def _explaining(source: object, sink: object) -> AppctlError | None:
    """The source's failure, of which that of a sink that got too little is an echo, unless it is one itself.

    A source that has no reader any more, or did not survive that, leaves the word to the sink.
    """
    failures = [end for end in (source, sink) if isinstance(end, AppctlError)]
    match failures:
        case [Failed() as first, second] if first.is_echo or not isinstance(second, TOO_LITTLE):
            return second
        case [first, *_]:
            return first
    return None


def _first_leaf(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    flat = list(_flatten(failures))
    return next((failure for failure in flat if isinstance(failure, AppctlError)), flat[0])


def _flatten(failures: BaseExceptionGroup[BaseException]) -> Iterable[BaseException]:
    for failure in failures.exceptions:
        if isinstance(failure, BaseExceptionGroup):
            yield from _flatten(failure)
        else:
            yield failure
