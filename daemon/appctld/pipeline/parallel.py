# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Work side by side, with one honest error: the only place that makes a TaskGroup."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from appctld.errors import AppctlError, Failed

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

    The failure that explains is raised: the source's, unless that is only `Failed` (the echo of a broken
    pipe) and the sink knows better.
    """
    first, second = await in_parallel((_outcome(source), _outcome(sink)), at_once=2)
    failures = [outcome for outcome in (first, second) if isinstance(outcome, AppctlError)]
    if failures:
        raise next((failure for failure in failures if not isinstance(failure, Failed)), failures[0])
    return first, second  # type: ignore[return-value]  # no failures left


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


def _first_leaf(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    flat = list(_flatten(failures))
    return next((failure for failure in flat if isinstance(failure, AppctlError)), flat[0])


def _flatten(failures: BaseExceptionGroup[BaseException]) -> Iterable[BaseException]:
    for failure in failures.exceptions:
        if isinstance(failure, BaseExceptionGroup):
            yield from _flatten(failure)
        else:
            yield failure
