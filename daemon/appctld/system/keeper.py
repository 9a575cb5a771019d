# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Workers that are asked more than once: what a worker takes to start is paid by its first request.

Guarantees: a worker is asked again only by programs with the same command line and the same `keep`, and only
while the keeper lasts; one that failed, was left, gave an error, or died or spoke while it waited is ended,
and the next request starts another; no more than a few wait. For each request all else is as worker.py says.
The descriptors of a request go with its first byte (SCM_RIGHTS), because those that a child inherits are
settled when it starts.
"""

import asyncio
import contextlib
import json
import os
import socket
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace

from appctld.errors import Failed
from appctld.model.jsonvalue import JsonObject
from appctld.system.child import child
from appctld.system.worker import Processes, Program, Report, Runner, answer

WAITING = (
    8  # workers of one job: the fetchers and store processes of three layers, and of the manifest before
)

_Key = tuple[tuple[str, ...], str]


@dataclass(frozen=True, slots=True)
class _Kept:
    """A worker that waits, and our end of its standard input; `ending` ends both."""

    process: Process
    requests: socket.socket
    ending: contextlib.AsyncExitStack


class Keeper:
    """The runner of one job."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._idle: list[tuple[_Key, _Kept]] = []  # who answered last stands last

    async def run(
        self, program: Program, request: JsonObject, report: Report, *, fds: Mapping[str, int]
    ) -> JsonObject:
        """See `Runner.run`."""
        if not program.keep:
            return await self._processes.run(program, request, report, fds=fds)
        with contextlib.ExitStack() as descriptors:
            for number in fds.values():
                descriptors.callback(os.close, number)
            key = program.argv, program.keep
            kept = await self._waiting(key) or await self._started(program)
            async with kept.ending:
                try:
                    async with asyncio.timeout(program.deadline):
                        await _ask(kept.requests, request, fds)
                        descriptors.close()  # else who reads from the worker would not see its end
                        result = await answer(kept.process, report)
                except TimeoutError as error:
                    raise program.late(f"{program.module} took longer than {program.deadline:g} s") from error
                self._idle.append((key, replace(kept, ending=kept.ending.pop_all())))
        await self._end_oldest()
        return result

    async def close(self) -> None:
        """End every worker that waits."""
        async with contextlib.AsyncExitStack() as stack:
            for _, kept in self._idle:
                stack.push_async_exit(kept.ending)
        self._idle.clear()

    async def _waiting(self, key: _Key) -> _Kept | None:
        """One that waits, if there is one; those that died meanwhile, or spoke unasked, are ended."""
        while kept := self._taken(key):
            if _is_quiet(kept.process):
                return kept
            await kept.ending.aclose()
        return None

    def _taken(self, key: _Key) -> _Kept | None:
        """Of those that may be asked the one that answered last, which waits no longer."""
        for at in reversed(range(len(self._idle))):
            if self._idle[at][0] == key:
                return self._idle.pop(at)[1]
        return None

    async def _end_oldest(self) -> None:
        """A job that updates everything has a thousand repositories, and asks most of them once."""
        while len(self._idle) > WAITING:
            _, oldest = self._idle.pop(0)
            await oldest.ending.aclose()

    async def _started(self, program: Program) -> _Kept:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(ours.close)
            ours.setblocking(False)  # noqa: FBT003 - the library's signature
            process = await stack.enter_async_context(
                child(
                    program.argv,
                    stdin=theirs.detach(),
                    stdout=PIPE,
                    held=self._processes.held_by(program),
                    environment=program.environment,
                )
            )
            return _Kept(process, ours, stack.pop_all())


@contextlib.asynccontextmanager
async def keeping(runner: Runner) -> AsyncIterator[Runner]:
    """A runner for the length of the block, which keeps workers if `runner` starts processes."""
    if not isinstance(runner, Processes):
        yield runner
        return
    keeper = Keeper(runner)
    try:
        yield keeper
    finally:
        await keeper.close()


def _is_quiet(process: Process) -> bool:
    """Whether a worker lives, and has said nothing since its answer: that would pass for its next one."""
    output = process.stdout
    return output is not None and not output.at_eof() and not output._buffer  # type: ignore[attr-defined]  # noqa: SLF001


async def _ask(requests: socket.socket, request: JsonObject, fds: Mapping[str, int]) -> None:
    line = json.dumps({**request, "fds": dict(fds)}).encode() + b"\n"
    try:
        socket.send_fds(requests, [line[:1]], list(fds.values()))  # nothing waits before it: there is room
        await asyncio.get_running_loop().sock_sendall(requests, line[1:])
    except (BrokenPipeError, ConnectionResetError):
        pass  # it shows in the answer
    except OSError as error:  # it did not read what it answered, say, and now there is no room
        raise Failed(f"a worker could not be asked: {error.strerror}") from error
