# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Work side by side, with one honest error: the only place that makes a TaskGroup."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from appctld.errors import AppctlError, Failed

ECHO_SECONDS = 10.0  # until the other end of a pipe has noticed: its next read or write, on a busy disk

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

    The failure that explains is raised: the source's, of which a sink that got too little is an echo, unless
    it is an echo itself (its reader was gone). Who does not notice the pipe's end is ended.
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
    outcomes = [end.result() for end in ends if not end.cancelled()]
    found = [outcome for outcome in outcomes if isinstance(outcome, AppctlError)]
    if found:
        raise next((failure for failure in found if not _is_echo(failure)), found[0])
    return tuple(outcomes)  # type: ignore[return-value]  # no failures left, and nobody was ended


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


def _is_echo(failure: AppctlError) -> bool:
    return isinstance(failure, Failed) and failure.is_echo


def _first_leaf(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    flat = list(_flatten(failures))
    return next((failure for failure in flat if isinstance(failure, AppctlError)), flat[0])


def _flatten(failures: BaseExceptionGroup[BaseException]) -> Iterable[BaseException]:
    for failure in failures.exceptions:
        if isinstance(failure, BaseExceptionGroup):
            yield from _flatten(failure)
        else:
            yield failure
