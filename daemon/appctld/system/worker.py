# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The parent's half of the worker pattern: ask one child one question.

A request is one JSON line; progress comes as `{"progress": …}` lines; the answer is `{"result": …}` or
`{"error": [name, sentence, hint, data]}`. Bulk bytes go through descriptors. Whatever a child does (dies,
hangs, writes garbage or too much), the caller gets a leaf of the error tree within the deadline.
"""

import asyncio
import contextlib
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from appctld.errors import AppctlError, Failed, from_wire
from appctld.model.jsonvalue import JsonError, JsonObject, parse_object
from appctld.system.child import GRACE, LINE_BYTES, PLAIN, child

Report = Callable[[JsonObject], None]


@dataclass(frozen=True, slots=True)
class Program:
    """How to start a worker: its command line with the sandbox in front, and how long it may take (seconds).

    `module` names it for people and for runners that start no process; `late` is the error of a missed
    deadline. `keep`, if it is not empty, says by which other programs the same process may be asked after it.
    `writes` is false for one that writes nothing of ours: a new daemon need not wait for it.
    """

    module: str
    argv: tuple[str, ...]
    deadline: float
    environment: Mapping[str, str] = field(default_factory=lambda: PLAIN)
    late: type[AppctlError] = Failed
    keep: str = field(default="", repr=False)  # a login may be in it
    writes: bool = True


class Runner(Protocol):
    """Asks workers. The daemon's is `Processes`; tests have one that starts no process."""

    async def run(
        self, program: Program, request: JsonObject, report: Report, *, fds: Mapping[str, int]
    ) -> JsonObject:
        """The worker's result. Takes over `fds`. Raises the leaf that the worker names, or Failed."""
        ...


@dataclass(frozen=True, slots=True)
class Processes:
    """The runner that starts one process a request.

    `held` are descriptors that every child keeps open which writes: the state lock, so that a new daemon
    awaits orphans.
    """

    held: tuple[int, ...] = ()

    def held_by(self, program: Program) -> tuple[int, ...]:
        """Those that a child keeps open. One that only reads may be stuck in its source for ever."""
        return self.held if program.writes else ()

    async def run(
        self, program: Program, request: JsonObject, report: Report, *, fds: Mapping[str, int]
    ) -> JsonObject:
        """See `Runner.run`."""
        line = json.dumps({**request, "fds": dict(fds)}).encode() + b"\n"
        started = child(
            program.argv,
            stdin=PIPE,
            stdout=PIPE,
            fds=fds.values(),
            held=self.held_by(program),
            environment=program.environment,
        )
        try:
            async with asyncio.timeout(program.deadline), started as process:
                return await _converse(process, line, report)
        except TimeoutError as error:
            raise program.late(f"{program.module} took longer than {program.deadline:g} s") from error


async def _converse(process: Process, line: bytes, report: Report) -> JsonObject:
    asked = asyncio.ensure_future(_ask(process, line))
    try:
        result = await answer(process, report)
    finally:
        asked.cancel()
    with contextlib.suppress(TimeoutError):  # it said what it had to say; the caller of `child` ends it
        await asyncio.wait_for(process.wait(), GRACE)
    return result


async def _ask(process: Process, line: bytes) -> None:
    if process.stdin is None:
        return
    try:
        process.stdin.write(line)
        await process.stdin.drain()
        process.stdin.close()
    except (BrokenPipeError, ConnectionResetError):
        pass  # a child that died early shows in its answer


async def answer(process: Process, report: Report) -> JsonObject:
    """What a child that was asked answers. Raises the leaf that it names, or Failed."""
    while True:
        match await _line(process):
            case {"progress": dict(facts)}:
                report(facts)
            case {"result": dict(result)}:
                return result
            case {"error": wire}:
                raise from_wire(wire)
            case _:
                raise Failed("a worker wrote a line that is no answer")


async def _line(process: Process) -> JsonObject:
    if process.stdout is None:
        raise Failed("a worker without an output")
    try:
        line = await process.stdout.readline()
        if not line.endswith(b"\n"):
            raise Failed(f"a worker ended without an answer ({await _ending(process)})")
        return parse_object(line, LINE_BYTES)
    except ValueError as error:
        reason = error if isinstance(error, JsonError) else f"a line of more than {LINE_BYTES} bytes"
        raise Failed(f"a worker wrote garbage: {reason}") from error


async def _ending(process: Process) -> str:
    try:
        code = await asyncio.wait_for(process.wait(), GRACE)
    except TimeoutError:
        return "still running"
    return f"signal {-code}" if code < 0 else f"exit status {code}"
