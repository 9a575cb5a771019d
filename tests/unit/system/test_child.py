# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""system/child.py: who owns which descriptor, and that a child never outlives its block."""

import asyncio
import contextlib
import fcntl
import os
import subprocess
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

import pytest

from appctld.errors import Failed
from appctld.state.lock import take_lock
from appctld.state.paths import Paths
from appctld.system import child as module
from appctld.system.child import child
from support.descriptors import gone
from support.written import named_pipe, written

pytestmark = pytest.mark.usefixtures("nothing_stays")


def descriptors_of(pid: int) -> list[Path]:
    found = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the loader opens and closes libraries
            found.append(entry.readlink())
    return found


def test_all_descriptors_are_closed_when_the_program_does_not_exist() -> None:
    given, source, sink, held = (os.memfd_create(name) for name in ("given", "source", "sink", "held"))

    async def start() -> None:
        async with child(("/no/such/program",), stdin=source, stdout=sink, fds=(given,), held=(held,)):
            pytest.fail("it started")

    with pytest.raises(Failed, match="could not be started: No such file or directory"):
        asyncio.run(start())
    for number in (given, source, sink):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(number)
    os.close(held)


def test_a_missing_sandbox_is_named_with_its_package() -> None:
    async def start() -> None:
        async with child(("bwrap", "true"), stdin=DEVNULL, stdout=DEVNULL, environment={"PATH": "/nowhere"}):
            pytest.fail("it started")

    with pytest.raises(Failed, match=r"bwrap \(package bubblewrap\) is missing") as raised:
        asyncio.run(start())
    assert raised.value.advice == "apt install bubblewrap"


def test_a_program_that_may_not_be_run_is_our_failure(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("#!/bin/sh\n")

    async def start() -> None:
        async with child((str(tmp_path / "x"),), stdin=DEVNULL, stdout=DEVNULL):
            pytest.fail("it started")

    with pytest.raises(Failed, match="Permission denied"):
        asyncio.run(start())


def test_the_child_is_ended_with_its_block() -> None:
    async def start() -> int:
        async with child(("sleep", "1000"), stdin=DEVNULL, stdout=DEVNULL) as process:
            return process.pid

    assert gone(asyncio.run(start()))


def test_the_child_is_ended_when_its_block_fails() -> None:
    pids: list[int] = []

    async def start() -> None:
        async with child(("sleep", "1000"), stdin=PIPE, stdout=PIPE) as process:
            pids.append(process.pid)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(start())
    assert gone(pids[0])


def test_a_child_that_ignores_sigterm_is_killed_after_the_grace_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GRACE", 0.2)
    script = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(1000)"

    async def start() -> int | None:
        argv = (sys.executable, "-I", "-S", "-c", script)
        async with child(argv, stdin=DEVNULL, stdout=PIPE) as process:
            assert process.stdout is not None
            await process.stdout.readline()
        return process.returncode

    assert asyncio.run(start()) == -9


HALVES = """
import os, signal, sys, time
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    open(sys.argv[1], "w").write(str(os.getpid()))
time.sleep(1000)
"""


def test_the_half_of_a_sandbox_that_waits_for_the_other_is_ended_with_it(tmp_path: Path) -> None:
    """Inner bubblewrap waits for the outer one before it can die with it, and is deaf to SIGTERM."""
    ready = named_pipe(tmp_path)

    async def main() -> int:
        argv = (sys.executable, "-I", "-S", "-c", HALVES, str(ready))
        async with child(argv, stdin=DEVNULL, stdout=DEVNULL):
            return int(await written(ready))

    assert until_gone(asyncio.run(main()))


def until_gone(pid: int) -> bool:
    """An orphan is reaped by somebody else, a moment after it has ended."""
    for _ in range(500):
        if gone(pid) or Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.01)
    return False


def test_who_is_cancelled_while_a_child_starts_leaves_none() -> None:
    async def main() -> None:
        async def begin() -> None:
            async with child(("sleep", "1000"), stdin=DEVNULL, stdout=DEVNULL):
                raise AssertionError

        task = asyncio.create_task(begin())
        await asyncio.sleep(0)  # it has begun to start, and has not started
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_a_child_that_ended_by_itself_keeps_its_exit_status() -> None:
    async def start() -> int | None:
        async with child(("sh", "-c", "exit 7"), stdin=DEVNULL, stdout=DEVNULL) as process:
            await process.wait()
        return process.returncode

    assert asyncio.run(start()) == 7


def test_who_got_the_number_of_a_child_that_is_gone_is_left_alone() -> None:
    async def scenario(stranger: int) -> None:
        async with child(["true"], stdin=DEVNULL, stdout=DEVNULL) as process:
            await process.wait()
            process.pid = stranger

    with subprocess.Popen(["sleep", "1000"], start_new_session=True) as stranger:
        try:
            asyncio.run(scenario(stranger.pid))
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_it_has_its_own_session_so_that_ctrl_c_is_ours_to_handle() -> None:
    async def start() -> int:
        async with child(("sleep", "1000"), stdin=DEVNULL, stdout=DEVNULL) as process:
            return os.getsid(process.pid) - process.pid

    assert asyncio.run(start()) == 0


def test_a_new_daemon_waits_for_the_children_of_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is held by whoever has the descriptor open: our own end alone does not free it."""
    paths = Paths(tmp_path)
    lock = take_lock(paths)

    def taken() -> bool:
        other = os.open(paths.lock, os.O_RDWR)
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(other)
        return False

    async def start() -> None:
        async with child(("sleep", "1000"), stdin=DEVNULL, stdout=DEVNULL, held=(lock,)):
            os.close(lock)
            assert taken()
        assert not taken()

    asyncio.run(start())


def test_without_being_held_the_lock_is_not_the_childs(tmp_path: Path) -> None:
    lock = take_lock(Paths(tmp_path))

    async def start() -> list[Path]:
        async with child(("sleep", "1000"), stdin=DEVNULL, stdout=DEVNULL) as process:
            return descriptors_of(process.pid)

    try:
        found = asyncio.run(start())
        assert found
        assert tmp_path / "lock" not in found
    finally:
        os.close(lock)


def test_no_thread_waits_for_a_child() -> None:
    script = """
import asyncio, subprocess, sys, threading
from appctld.system.child import child, watch_without_threads

async def main():
    argv = [sys.executable, "-c", "raise SystemExit(7)"]
    async with child(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        print(threading.active_count(), await process.wait())

watch_without_threads()
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("1 7\n", "")
