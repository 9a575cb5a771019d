# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Workers that are asked more than once, with real children that use our half of the protocol."""

import asyncio
import errno
import os
import socket
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

import appctld
from appctld.errors import DigestMismatch, Failed, RegistryUnavailable
from appctld.model.jsonvalue import JsonObject, get_strings
from appctld.system import keeper
from appctld.system.keeper import Keeper, keeping
from appctld.system.worker import Processes, Program, Runner
from support.descriptors import gone

pytestmark = pytest.mark.usefixtures("nothing_stays")

CODE = str(Path(appctld.__file__).parent.parent)
SERVE = f"""
import sys
sys.path.insert(0, {CODE!r})
import os, time
from appctld import errors
from appctld.workers.protocol import descriptor, main

def pid(request, report):
    report({{"bytes": 1}})
    return {{"pid": os.getpid(), "fds": sorted(request["fds"])}}

def copy(request, report):
    with os.fdopen(descriptor(request, "out"), "wb") as sink:
        with os.fdopen(descriptor(request, "in"), "rb") as source:
            sink.write(source.read().upper())
    return {{"pid": os.getpid()}}

def lie(request, report):
    raise errors.DigestMismatch("other bytes")

def end(request, report):
    os._exit(3)

def names(request, report):
    return {{"names": [os.readlink(e.path) for e in os.scandir("/proc/self/fd") if os.path.lexists(e.path)]}}

def hang(request, report):
    report({{"pid": os.getpid()}})
    time.sleep(1000)

main({{"pid": pid, "copy": copy, "lie": lie, "end": end, "names": names, "hang": hang}})
"""


def program(keep: str = "one place", deadline: float = 60.0) -> Program:
    argv = (sys.executable, "-I", "-S", "-c", SERVE)
    return Program("a.worker", argv, deadline, late=RegistryUnavailable, keep=keep)


def kept(work: Callable[[Runner], Awaitable[None]]) -> None:
    """Do some work with a keeper, and wait until asyncio has closed what is closed."""

    async def main() -> None:
        async with keeping(Processes()) as runner:
            await work(runner)

    asyncio.run(main())


async def pid_of(runner: Runner, keep: str = "one place") -> int:
    answer = await runner.run(program(keep), {"op": "pid"}, lambda _: None, fds={})
    assert isinstance(answer["pid"], int)
    return answer["pid"]


async def shouted(runner: Runner, text: bytes) -> bytes:
    """What a worker makes of a text that comes and goes through pipes."""
    (their_in, our_in), (our_out, their_out) = os.pipe(), os.pipe()
    os.write(our_in, text)
    os.close(our_in)
    await runner.run(program(), {"op": "copy"}, lambda _: None, fds={"in": their_in, "out": their_out})
    with os.fdopen(our_out, "rb") as file:
        return file.read()  # to its end: nobody else holds the pipe


def test_the_same_worker_answers_one_request_after_the_other() -> None:
    async def work(runner: Runner) -> None:
        first = await pid_of(runner)
        assert [await pid_of(runner), await pid_of(runner)] == [first, first]

    kept(work)


@pytest.mark.parametrize("writes", [True, False])
def test_the_lock_is_held_by_who_writes(*, writes: bool) -> None:
    lock = os.memfd_create("lock")

    async def main() -> bool:
        async with keeping(Processes((lock,))) as runner:
            asked = replace(program(), writes=writes)
            answer = await runner.run(asked, {"op": "names"}, lambda _: None, fds={})
            return "/memfd:lock (deleted)" in get_strings(answer, "names")

    assert asyncio.run(main()) is writes
    os.close(lock)


def test_each_request_brings_its_own_descriptors() -> None:
    async def work(runner: Runner) -> None:
        before = await pid_of(runner)
        assert await shouted(runner, b"one") == b"ONE"
        assert await shouted(runner, b"two") == b"TWO"
        assert await pid_of(runner) == before

    kept(work)


def test_who_keeps_another_name_gets_another_worker_and_who_keeps_none_a_fresh_one() -> None:
    async def work(runner: Runner) -> None:
        pids = [await pid_of(runner, keep) for keep in ("a", "b", "", "")]
        assert len(set(pids)) == len(pids)
        assert await pid_of(runner, "a") == pids[0]

    kept(work)


def test_requests_at_the_same_time_have_a_worker_each() -> None:
    async def work(runner: Runner) -> None:
        pids = set(await asyncio.gather(pid_of(runner), pid_of(runner)))
        assert len(pids) == 2
        assert await pid_of(runner) in pids

    kept(work)


def test_a_worker_that_gave_an_error_is_asked_no_more() -> None:
    async def work(runner: Runner) -> None:
        before = await pid_of(runner)
        with pytest.raises(DigestMismatch, match="other bytes"):
            await runner.run(program(), {"op": "lie"}, lambda _: None, fds={})
        assert gone(before)
        assert await pid_of(runner) != before

    kept(work)


def test_a_worker_that_died_is_a_failure_and_the_next_request_has_another() -> None:
    async def work(runner: Runner) -> None:
        await pid_of(runner)
        with pytest.raises(Failed, match="without an answer"):
            await runner.run(program(), {"op": "end"}, lambda _: None, fds={})
        await pid_of(runner)

    kept(work)


def test_a_worker_that_died_while_it_waited_is_a_failure() -> None:
    async def work(runner: Runner) -> None:
        os.kill(await pid_of(runner), 9)
        with pytest.raises(Failed, match="without an answer"):
            await pid_of(runner)

    kept(work)


TWICE = """
import socket, os
requests = socket.socket(fileno=0)
while requests.recv(1 << 16):
    os.write(1, b'{"result": {"pid": %d}}\\n{"result": {"pid": 0}}\\n' % os.getpid())
"""


def test_a_worker_that_answered_twice_is_asked_no_more() -> None:
    """What it said unasked would pass for the answer to the next request."""

    async def work(runner: Runner) -> None:
        worker = Program("a.worker", (sys.executable, "-I", "-S", "-c", TWICE), 60.0, keep="one place")
        pids = []
        for _ in range(3):
            answer = await runner.run(worker, {"op": "pid"}, lambda _: None, fds={})
            pids.append(answer["pid"])  # and the rest has come with it
        assert 0 not in pids
        assert len(set(pids)) == len(pids)

    kept(work)


def test_a_deadline_ends_the_worker() -> None:
    async def work(runner: Runner) -> None:
        before = await pid_of(runner)
        with pytest.raises(RegistryUnavailable, match="longer"):
            await runner.run(program(deadline=0.2), {"op": "hang"}, lambda _: None, fds={})
        assert gone(before)

    kept(work)


def test_a_cancelled_request_ends_the_worker() -> None:
    async def work(runner: Runner) -> None:
        ready: asyncio.Future[JsonObject] = asyncio.get_running_loop().create_future()
        asking = asyncio.ensure_future(runner.run(program(), {"op": "hang"}, ready.set_result, fds={}))
        worker = (await ready)["pid"]
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert isinstance(worker, int)
        assert gone(worker)

    kept(work)


def test_no_more_than_a_few_wait_and_those_that_answered_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "WAITING", 3)

    async def work(runner: Runner) -> None:
        often = await pid_of(runner, "often")
        pids = []
        for number in range(4):
            pids.append(await pid_of(runner, str(number)))
            assert await pid_of(runner, "often") == often
        assert [gone(pid) for pid in pids] == [True, True, False, False]
        assert await pid_of(runner, "2") == pids[2]

    kept(work)


def test_no_worker_outlives_the_block() -> None:
    pids: list[int] = []

    async def work(runner: Runner) -> None:
        pids.extend([await pid_of(runner, "a"), await pid_of(runner, "b")])
        assert not any(map(gone, pids))
        raise KeyError

    with pytest.raises(KeyError):
        kept(work)
    assert all(map(gone, pids))


def test_the_descriptors_of_a_request_that_could_not_be_asked_are_closed() -> None:
    async def work(_: Runner) -> None:
        reading, writing = os.pipe()
        missing = Program("a.worker", ("/nowhere/worker",), 60.0, keep="x")
        with pytest.raises(Failed, match="could not be started"):
            await Keeper(Processes()).run(missing, {}, lambda _: None, fds={"out": writing})
        with os.fdopen(reading, "rb") as file:
            assert file.read() == b""

    kept(work)


def test_a_worker_that_cannot_be_asked_is_a_failure_and_asked_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Taken over, it answers and reads nothing, until there is no room; or this user has sent too many."""

    async def work(runner: Runner) -> None:
        before = await pid_of(runner)
        with monkeypatch.context() as patch:
            patch.setattr(socket, "send_fds", full)
            with pytest.raises(Failed, match="could not be asked"):
                await pid_of(runner)
        assert gone(before)
        await pid_of(runner)

    def full(*_: object) -> int:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    kept(work)


def test_descriptors_that_did_not_arrive_are_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that has no room for them is given none: what the request names are our numbers, not its."""

    def without(requests: socket.socket, data: list[bytes], _: list[int]) -> int:
        return requests.send(data[0])

    async def work(runner: Runner) -> None:
        monkeypatch.setattr(socket, "send_fds", without)
        reading, writing = os.pipe()
        os.close(reading)
        with pytest.raises(Failed, match=r"a worker failed \(ValueError\)"):
            await runner.run(program(), {"op": "pid"}, lambda _: None, fds={"out": writing})

    kept(work)


def test_a_runner_without_processes_is_left_as_it_is() -> None:
    class Inline:
        async def run(self, *_: object, **__: object) -> JsonObject:
            return {}

    async def main() -> None:
        inline = Inline()
        async with keeping(inline) as runner:
            assert runner is inline

    asyncio.run(main())


def test_whatever_tells_workers_apart_is_in_no_log() -> None:
    assert "hunter2" not in repr(program(keep='{"credential": "hunter2"}'))
