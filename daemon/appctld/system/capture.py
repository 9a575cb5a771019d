# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Run one stock program to its end and keep the little that it says.

Guarantees: output and status lines are bounded while they arrive; the program inherits the named descriptors
and no others; it is ended and reaped on every way out (deadline, too much output, cancellation). The exit
status is reported, never judged.

Leaves to others: the sandbox, which also lets the program die with the daemon (`argv` starts with it), and
the meaning of what was said. What streams goes through `pump.py`, our own workers through `worker.py`.
"""

import asyncio
import contextlib
import os
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from appctld.errors import LimitExceeded
from appctld.system.child import PLAIN, child

STATUS_BYTES = 64 << 10  # gpgv writes under 1 KiB about one signature; the rest is room for long user IDs
STATUS_FD = "{status_fd}"  # the word of `argv` that stands for the number of the private status descriptor


@dataclass(frozen=True, slots=True)
class Captured:
    """What a program left behind: its exit status (negative: a signal), its stdout, its status lines."""

    returncode: int
    stdout: bytes
    status: bytes


async def capture(
    argv: Sequence[str],
    *,
    pass_fds: Sequence[int] = (),
    deadline: float,
    max_output: int,
    status: bool,
    environment: Mapping[str, str] = PLAIN,
    what: str = "a program",
) -> Captured:
    """Run `argv` and return what it said on stdout and, with `status`, on a private descriptor.

    With `status`, the word `{status_fd}` of `argv` becomes the number of that descriptor. stdin is empty.
    `deadline` is in seconds, for everything together; `max_output` in bytes of stdout; `what`
    names the program's job in a sentence. Takes over `pass_fds`.

    Raises:
        LimitExceeded: the deadline passed, or there was more output than allowed.
        Failed: the program could not be started.
    """
    async with contextlib.AsyncExitStack() as stack:
        try:
            drains = [await stack.enter_async_context(_Drain.opened("output", max_output))]
            if status:
                drains.append(await stack.enter_async_context(_Drain.opened("status lines", STATUS_BYTES)))
        except OSError:
            _close(pass_fds)
            raise
        output, *private = [drain.hand_over() for drain in drains]
        words = [str(private[0]) if private and word == STATUS_FD else word for word in argv]
        fds = (*pass_fds, *private)
        try:
            async with (
                asyncio.timeout(deadline),
                child(
                    words,
                    stdin=DEVNULL,
                    stdout=output,
                    stderr=DEVNULL,  # what counts comes on the status descriptor
                    fds=fds,
                    environment=environment,
                ) as process,
            ):
                return await _collect(process, [drain.everything for drain in drains])
        except TimeoutError as error:
            raise LimitExceeded(f"{what} took longer than {deadline:g} s", seconds=deadline) from error


async def _collect(process: Process, waiting: Sequence[asyncio.Future[bytes]]) -> Captured:
    """Read all pipes together: a program blocked on one of them must not keep us from the others."""
    done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_EXCEPTION)
    for future in done:
        future.result()  # raises what ended the wait early
    stdout, *status = [future.result() for future in waiting]
    return Captured(await process.wait(), stdout, b"".join(status))


class _Drain(asyncio.Protocol):
    """One pipe: a child writes into it, and of what comes out at most `limit` bytes are kept."""

    def __init__(self, what: str, limit: int) -> None:
        self._what = what
        self._limit = limit
        self._kept = bytearray()
        self._our_end, self._child_end = os.pipe()
        self.everything: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(cls, what: str, limit: int) -> AsyncIterator[Self]:
        """A pipe that the event loop reads; closed, as far as it is ours, when the block is left."""
        drain = cls(what, limit)
        end = os.fdopen(drain._our_end, "rb", buffering=0)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: drain, end)
        try:
            yield drain
        finally:
            transport.close()
            _close([drain._child_end] if drain._child_end >= 0 else [])
            if not drain.everything.cancel() and not drain.everything.cancelled():
                drain.everything.exception()  # looked at, else asyncio reports it as forgotten

    def hand_over(self) -> int:
        """The writing end; who takes it closes it."""
        end, self._child_end = self._child_end, -1
        return end

    def data_received(self, data: bytes) -> None:
        if self.everything.done():
            return
        self._kept += data
        if len(self._kept) > self._limit:
            self.everything.set_exception(LimitExceeded(f"more than {self._limit} bytes of {self._what}"))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the base's signature
        if not self.everything.done():
            self.everything.set_result(bytes(self._kept))


def _close(fds: Sequence[int]) -> None:
    for number in fds:
        os.close(number)
