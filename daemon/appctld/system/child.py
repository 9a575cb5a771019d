# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Start and end one child process; the only place of the daemon that does.

Guarantees: descriptors given to a child are closed on our side, whatever happens; a child that is left behind
by its caller (cancelled, timed out, misunderstood) is terminated, then killed, and always reaped.
"""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Collection, Coroutine, Mapping, Sequence
from typing import Any

from appctld.errors import Failed
from appctld.system.packages import missing

GRACE = 2.0  # seconds between SIGTERM and SIGKILL: enough to drop a temporary file, short enough to wait for
LINE_BYTES = 1 << 20  # one line from a worker: an answer lists at most a few hundred names, never bulk
PLAIN = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
}  # nothing of the caller's environment gets in


def watch_without_threads() -> None:
    """From now on no thread waits for each child: to start one stops the loop as long as the machine is busy.

    Python 3.12 does so by itself.
    """
    if sys.version_info < (3, 12):
        asyncio.set_child_watcher(asyncio.PidfdChildWatcher())


@contextlib.asynccontextmanager
async def child(
    argv: Sequence[str],
    *,
    stdin: int,
    stdout: int,
    stderr: int | None = None,
    fds: Collection[int] = (),
    held: Collection[int] = (),
    environment: Mapping[str, str] = PLAIN,
) -> AsyncIterator[Process]:
    """A child for the length of the `with` block.

    Takes over `fds`, and stdin and stdout where they are numbers. `held` are descriptors that stay ours and
    that the child keeps open as long as it lives. stderr is ours (the journal) unless given. Raises Failed
    when the program cannot be started (for example, is not installed).
    """
    owned = {*fds, *(number for number in (stdin, stdout) if number >= 0)}
    try:
        process = await _begun(
            asyncio.create_subprocess_exec(
                *argv,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                pass_fds=(*fds, *held),
                env=dict(environment),
                limit=LINE_BYTES,
                start_new_session=True,
            )
        )
    except OSError as error:
        raise _not_started(argv[0], error) from error
    finally:
        for number in owned:
            os.close(number)
    try:
        yield process
    finally:
        await _end(process)


def _not_started(program: str, error: OSError) -> Failed:
    if program == "bwrap" and isinstance(error, FileNotFoundError):
        return missing(program, "what strangers wrote is read in its sandbox, or not at all")
    return Failed(f"{program} could not be started: {error.strerror}")


async def _begun(starting: Coroutine[Any, Any, Process]) -> Process:
    """The process, once it is there; who is cancelled meanwhile leaves none behind."""
    task = asyncio.ensure_future(starting)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with contextlib.suppress(OSError):
            await _end(await task)
        raise


async def _end(process: Process) -> None:
    """Leave nothing running: SIGTERM, a grace time, SIGKILL; returns only when the child is reaped.

    A cancel that comes meanwhile leaves no child behind either, and is not lost.
    """
    waiting = asyncio.ensure_future(_stop(process))
    cancelled: asyncio.CancelledError | None = None
    while not waiting.done():
        try:
            await asyncio.shield(waiting)
        except asyncio.CancelledError as error:
            cancelled = error
    waiting.result()
    if cancelled is not None:
        raise cancelled


async def _stop(process: Process) -> None:
    _close_pipes(process)
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), GRACE)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
    await process.wait()
    _end_group(process.pid)


def _end_group(leader: int) -> None:
    """What a sandbox left that was ended while it was made: its inner half waits for the outer one for ever.

    That half is the first process of its namespace, for which SIGTERM is nothing; it would keep every
    descriptor that it was given, the state lock among them. The leader was reaped, maybe long ago; while
    others of its group are left, nobody else gets its number, so whoever has it is a stranger.
    """
    try:
        os.kill(leader, 0)
    except ProcessLookupError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(leader, signal.SIGKILL)
    except PermissionError:
        pass  # a stranger, of another user


def _close_pipes(process: Process) -> None:
    """Close our ends: before Python 3.13 `wait` waits for the other end too, which a grandchild may hold."""
    transport = process._transport  # type: ignore[attr-defined]  # noqa: SLF001 - there is no public way
    for number in (0, 1):
        pipe = transport.get_pipe_transport(number)
        if pipe is None or pipe.is_closing():
            continue
        if isinstance(pipe, asyncio.WriteTransport):
            pipe.abort()  # what a child did not read yet is of no use to anybody
        else:
            pipe.close()
