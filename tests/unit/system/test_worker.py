# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The worker pattern with real children: whatever one does, its caller gets an answer or a leaf of the tree.

The children are small programs; `SERVE` is one that uses our half of the protocol.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest

import appctld
from appctld.errors import DigestMismatch, Failed
from appctld.model.jsonvalue import JsonObject
from appctld.system import child as child_module
from appctld.system import worker as worker_module
from appctld.system.child import LINE_BYTES
from appctld.system.worker import Processes, Program
from support.descriptors import gone
from support.written import named_pipe, written

pytestmark = pytest.mark.usefixtures("nothing_stays")

LONG = 60.0  # seconds; a deadline that no test may reach
SHORT = 0.2  # seconds; one that a test waits for
LARGE = 1 << 20  # bytes; no pipe holds so many
CODE = str(Path(appctld.__file__).parent.parent)

SERVE = f"""
import sys
sys.path.insert(0, {CODE!r})
import os, time
from appctld import errors
from appctld.workers.protocol import descriptor, main

def echo(request, report):
    return {{"request": request}}

def count(request, report):
    for number in range(3):
        report({{"bytes": number}})
    return {{"done": True}}

def lie(request, report):
    raise errors.DigestMismatch("other bytes", path="x")

def bug(request, report):
    return {{}}["secret"]

def copy(request, report):
    source = os.fdopen(descriptor(request, "in"), "rb")
    sink = os.fdopen(descriptor(request, "out"), "wb")
    with source, sink:
        sink.write(source.read().upper())
    return {{}}

main({{"echo": echo, "count": count, "lie": lie, "bug": bug, "copy": copy}})
"""


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who ends by itself has all the time that a busy machine takes."""
    monkeypatch.setattr(child_module, "GRACE", LONG)
    monkeypatch.setattr(worker_module, "GRACE", LONG)


@pytest.fixture
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who does not end by itself is ended soon."""
    monkeypatch.setattr(child_module, "GRACE", SHORT)
    monkeypatch.setattr(worker_module, "GRACE", SHORT)


def program(script: str, *arguments: str, deadline: float = LONG, writes: bool = True) -> Program:
    argv = (sys.executable, "-I", "-S", "-c", script, *arguments)
    return Program("a.worker", argv, deadline, writes=writes)


def run(
    script: str,
    *arguments: str,
    request: JsonObject | None = None,
    deadline: float = LONG,
    fds: Mapping[str, int] | None = None,
    held: tuple[int, ...] = (),
    writes: bool = True,
    reports: list[JsonObject] | None = None,
) -> JsonObject:
    """Ask a child that runs `script`, and wait until asyncio has closed what is closed."""

    async def ask() -> JsonObject:
        runner = Processes(held)
        noted = [] if reports is None else reports
        asked = program(script, *arguments, deadline=deadline, writes=writes)
        return await runner.run(asked, request or {}, noted.append, fds=fds or {})

    return asyncio.run(ask())


def answering(text: str) -> str:
    """A child that reads its request and writes `text`, a Python expression of bytes."""
    return f"import sys; sys.stdin.readline(); sys.stdout.buffer.write({text}); sys.stdout.flush()"


def cancel_once_ready(
    tmp_path: Path,
    script: str,
    meanwhile: Callable[[asyncio.Task[JsonObject]], Awaitable[None]] | None = None,
) -> int:
    """Cancel the question when the child has written its pid to `sys.argv[1]`; the pid."""
    ready = named_pipe(tmp_path)

    async def main() -> int:
        question = Processes().run(program(script, str(ready)), {}, lambda _: None, fds={})
        task = asyncio.create_task(question)
        pid = int(await written(ready))
        task.cancel()
        if meanwhile is not None:
            await meanwhile(task)
        with pytest.raises(asyncio.CancelledError):
            await task
        return pid

    return asyncio.run(main())


READY = "import os, signal, sys, time\n{first}\nopen(sys.argv[1], 'w').write(str(os.getpid()))\n{then}"
SLEEP = "time.sleep(1000)"
DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"


def test_a_request_arrives_and_a_result_comes_back() -> None:
    found = run(SERVE, request={"op": "echo", "text": "é\n"})
    assert found == {"request": {"op": "echo", "text": "é\n", "fds": {}}}


def test_progress_is_reported_in_order_before_the_result() -> None:
    reports: list[JsonObject] = []
    assert run(SERVE, request={"op": "count"}, reports=reports) == {"done": True}
    assert reports == [{"bytes": 0}, {"bytes": 1}, {"bytes": 2}]


def test_a_typed_error_arrives_as_that_error() -> None:
    with pytest.raises(DigestMismatch) as caught:
        run(SERVE, request={"op": "lie"})
    assert caught.value.message == "other bytes"
    assert caught.value.data == {"path": "x"}
    assert caught.value.advice == DigestMismatch.hint


def test_a_bug_arrives_as_failed_without_its_text() -> None:
    with pytest.raises(Failed, match=r"a worker failed \(KeyError\)") as caught:
        run(SERVE, request={"op": "bug"})
    assert "secret" not in caught.value.message


def test_an_operation_that_does_not_exist_is_failed() -> None:
    with pytest.raises(Failed, match="a worker failed"):
        run(SERVE, request={"op": "no-such"})


def test_bulk_bytes_go_through_descriptors_that_are_taken_over() -> None:
    (source, feed), (drain, sink) = os.pipe(), os.pipe()
    os.write(feed, b"bulk bytes")
    os.close(feed)
    run(SERVE, request={"op": "copy"}, fds={"in": source, "out": sink})
    with os.fdopen(drain, "rb") as result:
        assert result.read() == b"BULK BYTES"


def test_the_child_has_the_named_descriptors_and_no_others() -> None:
    given, ours = os.memfd_create("given"), os.memfd_create("ours")
    os.set_inheritable(ours, True)  # noqa: FBT003 - positional only
    script = (
        "import json, os, sys; request = json.loads(sys.stdin.readline())\n"
        "names = [os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd') if os.path.lexists"
        "(f'/proc/self/fd/{n}')]\n"
        'same = os.readlink(f\'/proc/self/fd/{request["fds"]["x"]}\')\n'
        "print(json.dumps({'result': {'names': names, 'same': same}}))"
    )
    try:
        found = run(script, fds={"x": given})
    finally:
        os.close(ours)
    assert found["same"] == "/memfd:given (deleted)"
    assert "/memfd:ours (deleted)" not in str(found["names"])


@pytest.mark.parametrize("writes", [True, False])
def test_a_held_descriptor_is_the_childs_too_if_it_writes_and_stays_ours(*, writes: bool) -> None:
    lock = os.memfd_create("lock")
    script = (
        "import json, os\n"
        "names = [os.readlink(e.path) for e in os.scandir('/proc/self/fd') if os.path.lexists(e.path)]\n"
        "print(json.dumps({'result': {'held': any('memfd:lock' in n for n in names)}}))"
    )
    assert run(script, held=(lock,), writes=writes) == {"held": writes}
    os.close(lock)  # raises if it had been closed


def test_the_callers_environment_does_not_get_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPCTL_SECRET", "x")
    script = "import json, os; print(json.dumps({'result': dict(os.environ)}))"
    found = run(script)
    assert "APPCTL_SECRET" not in found
    assert set(found) <= {"PATH", "LANG", "LC_CTYPE"}


GARBAGE = [
    ("nothing at all", "b''", r"ended without an answer \(exit status 0\)"),
    ("a line that is cut off", """b'{"result": {}'""", "ended without an answer"),
    ("no JSON", "b'hello\\n'", "no JSON"),
    ("an empty line", "b'\\n'", "no JSON"),
    ("no object", "b'[]\\n'", "no JSON object"),
    ("bytes that are no UTF-8", "b'\\xff\\xfe\\n'", "no JSON"),
    ("a name twice", """b'{"result": {}, "result": {}}\\n'""", "twice"),
    ("an object that is no answer", "b'{}\\n'", "no answer"),
    ("a result that is no object", """b'{"result": []}\\n'""", "no answer"),
    ("progress that is no object", """b'{"progress": 1}\\n'""", "no answer"),
    ("an error that is no leaf", """b'{"error": ["SystemExit", "x", "", {}]}\\n'""", "nobody understands"),
    ("an error that is a text", """b'{"error": "x"}\\n'""", "nobody understands"),
]


@pytest.mark.parametrize(
    ("text", "reason"), [case[1:] for case in GARBAGE], ids=[case[0] for case in GARBAGE]
)
def test_garbage_is_our_failure(text: str, reason: str) -> None:
    with pytest.raises(Failed, match=reason):
        run(answering(text))


def test_a_line_as_long_as_allowed_is_read() -> None:
    filler = LINE_BYTES - len('{"result": {"x": ""}}\n')
    found = run(answering(f"""b'{{"result": {{"x": "' + b'a' * {filler} + b'"}}}}\\n'"""))
    assert len(str(found["x"])) == filler


@pytest.mark.parametrize("size", [LINE_BYTES + 10, 5 * LINE_BYTES])
def test_an_oversize_line_is_refused(size: int) -> None:
    with pytest.raises(Failed, match=f"a line of more than {LINE_BYTES} bytes"):
        run(answering(f"""b'{{"result": {{"x": "' + b'a' * {size} + b'"}}}}\\n'"""))


def test_an_endless_line_ends_the_child() -> None:
    with pytest.raises(Failed, match="bytes"):
        run("import sys\nwhile True: sys.stdout.write('a' * 65536)")


def test_a_killed_child_is_our_failure_and_named() -> None:
    with pytest.raises(Failed, match=r"ended without an answer \(signal 9\)"):
        run("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")


def test_a_child_that_is_killed_after_some_progress_is_too() -> None:
    reports: list[JsonObject] = []
    script = """import os; os.write(1, b'{"progress": {"bytes": 1}}\\n'); os.kill(os.getpid(), 9)"""
    with pytest.raises(Failed, match="signal 9"):
        run(script, reports=reports)
    assert reports == [{"bytes": 1}]


def test_a_child_that_fails_is_our_failure() -> None:
    with pytest.raises(Failed, match=r"exit status 3"):
        run("raise SystemExit(3)")


def test_a_child_that_hangs_is_ended_at_the_deadline(tmp_path: Path) -> None:
    script = READY.format(first="", then=SLEEP)
    with pytest.raises(Failed, match=r"a\.worker took longer than 0\.2 s"):
        run(script, str(tmp_path / "pid"), deadline=SHORT)


def test_a_child_that_reports_for_ever_is_ended_at_the_deadline() -> None:
    script = """import sys\nwhile True: sys.stdout.write('{"progress": {}}\\n')"""
    with pytest.raises(Failed, match="took longer"):
        run(script, deadline=SHORT)


@pytest.mark.usefixtures("no_grace")
def test_a_child_that_closes_its_output_and_hangs_is_ended() -> None:
    with pytest.raises(Failed, match=r"ended without an answer \(still running\)"):
        run("import os, time; os.close(1); time.sleep(1000)")


@pytest.mark.usefixtures("no_grace")
def test_an_answer_counts_although_the_child_does_not_exit() -> None:
    script = f"import signal, time; {DEAF}\nprint('{{\"result\": {{}}}}', flush=True); time.sleep(1000)"
    assert run(script) == {}


def test_what_comes_after_the_answer_does_not_count() -> None:
    assert run(answering("""b'{"result": {"x": 1}}\\n{"error": ["Failed", "", "", {}]}\\n'""")) == {"x": 1}


def test_a_request_larger_than_the_pipe_to_a_child_that_does_not_read() -> None:
    request: JsonObject = {"filler": "x" * LARGE}
    assert run("""print('{"result": {}}')""", request=request) == {}
    with pytest.raises(Failed, match="exit status 0"):
        run("pass", request=request)
    with pytest.raises(Failed, match="took longer"):
        run(f"import time; {SLEEP}", request=request, deadline=SHORT)


def test_a_request_larger_than_the_pipe_arrives_whole() -> None:
    filler = "x" * LARGE
    script = (
        "import hashlib, json, sys; text = json.loads(sys.stdin.readline())['filler']\n"
        "print(json.dumps({'result': {'length': len(text)}}))"
    )
    assert run(script, request={"filler": filler}) == {"length": len(filler)}


def test_a_grandchild_that_keeps_the_pipes_does_not_keep_us(tmp_path: Path) -> None:
    """What a sandbox prevents; but no process of ours may wait for a stranger's descriptor."""
    script = (
        "import os, sys, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(1000)\n"
        "time.sleep(1000)"
    )
    ready = named_pipe(tmp_path)
    pid = 0

    async def main() -> None:
        nonlocal pid
        question = Processes().run(program(script, str(ready)), {}, lambda _: None, fds={})
        task = asyncio.create_task(question)
        pid = int(await written(ready))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    try:
        asyncio.run(main())
        assert not gone(pid), "the grandchild was meant to live on"
    finally:
        os.kill(pid, signal.SIGKILL)


def test_a_cancelled_question_ends_the_child(tmp_path: Path) -> None:
    assert gone(cancel_once_ready(tmp_path, READY.format(first="", then=SLEEP)))


@pytest.mark.usefixtures("no_grace")
def test_a_cancelled_child_that_ignores_sigterm_is_killed_and_reaped(tmp_path: Path) -> None:
    assert gone(cancel_once_ready(tmp_path, READY.format(first=DEAF, then=SLEEP)))


@pytest.mark.usefixtures("no_grace")
def test_a_second_cancel_does_not_leave_the_child_behind(tmp_path: Path) -> None:
    async def again(task: asyncio.Task[JsonObject]) -> None:
        for _ in range(3):
            await asyncio.sleep(0.05)
            task.cancel()

    assert gone(cancel_once_ready(tmp_path, READY.format(first=DEAF, then=SLEEP), again))


def test_a_cancelled_child_has_time_to_tidy_up(tmp_path: Path) -> None:
    first = """
def end(*_):
    open(sys.argv[1] + '.tidy', 'w').close()
    sys.exit()
signal.signal(signal.SIGTERM, end)
"""
    cancel_once_ready(tmp_path, READY.format(first=first, then=SLEEP))
    assert (tmp_path / "ready.tidy").exists()


def test_a_cancel_that_comes_while_a_child_is_being_ended_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The child has answered and does not exit: the question is answered, the cancel is not."""
    monkeypatch.setattr(worker_module, "GRACE", SHORT)  # and then it has all the time to say that it was told
    ready = named_pipe(tmp_path)
    script = """
import os, signal, sys, time
def told(*_):
    open(sys.argv[1], 'w').write(str(os.getpid()))
signal.signal(signal.SIGTERM, told)
print('{"result": {}}', flush=True)
while True:
    time.sleep(1)
"""

    async def main() -> None:
        task = asyncio.create_task(Processes().run(program(script, str(ready)), {}, lambda _: None, fds={}))
        pid = int(await written(ready))  # SIGTERM has arrived: it is being ended
        task.cancel()
        await asyncio.sleep(0)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_a_program_that_does_not_exist_is_our_failure_and_takes_its_descriptors() -> None:
    given = os.memfd_create("given")
    missing = Program("a.worker", ("/no/such/program",), LONG)
    with pytest.raises(Failed, match="/no/such/program could not be started"):
        asyncio.run(Processes().run(missing, {}, lambda _: None, fds={"x": given}))
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(given)
