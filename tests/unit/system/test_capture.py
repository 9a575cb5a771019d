# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""system/capture.py against real programs: what is kept, what is refused, and that nothing is left behind."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from appctld.errors import Failed, LimitExceeded
from appctld.system.capture import STATUS_BYTES, STATUS_FD, Captured, capture
from support.descriptors import children, gone, open_descriptors
from support.written import named_pipe, written

LONG = 60.0  # seconds; a deadline that no test may reach


def shell(script: str, *arguments: str) -> tuple[str, ...]:
    return ("bash", "-c", script, "bash", *arguments)


def run(*argv: str, deadline: float = LONG, max_output: int = 1000, fds: tuple[int, ...] = ()) -> Captured:
    return asyncio.run(capture(argv, pass_fds=fds, deadline=deadline, max_output=max_output, status=True))


def test_output_status_and_exit_status_are_kept_apart() -> None:
    script = "echo out; echo err >&2; echo told >&$1; exit 3"
    assert run(*shell(script, STATUS_FD)) == Captured(3, b"out\n", b"told\n")


def test_without_status_the_word_stays_and_no_descriptor_is_added() -> None:
    found = asyncio.run(capture(("echo", STATUS_FD), deadline=LONG, max_output=100, status=False))
    assert found == Captured(0, b"{status_fd}\n", b"")


def test_a_signal_shows_as_a_negative_exit_status() -> None:
    assert run(*shell("kill -9 $$")).returncode == -9


def test_stdin_is_empty_and_the_environment_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_DEBUG_OUTPUT", "secret")
    assert run("cat").stdout == b""
    assert b"secret" not in run("env").stdout


def test_the_named_descriptors_are_inherited_and_no_others(tmp_path: Path) -> None:
    for name in ("given", "kept"):
        (tmp_path / name).write_text(name)
    given, kept = (os.open(tmp_path / name, os.O_RDONLY) for name in ("given", "kept"))
    os.set_inheritable(kept, True)  # noqa: FBT003 - positional only
    try:
        names = run(*shell("cat /proc/self/fd/$1; readlink /proc/self/fd/*", str(given)), fds=(given,)).stdout
    finally:
        os.close(kept)
    assert names.startswith(b"given")
    assert b"/kept" not in names


def test_the_descriptors_given_are_taken_over_and_none_is_left() -> None:
    before = open_descriptors()
    run("true", fds=(os.memfd_create("x"),))
    with pytest.raises(LimitExceeded):
        run("yes", fds=(os.memfd_create("x"),))
    assert open_descriptors() == before


def test_output_up_to_the_limit_is_kept_whole() -> None:
    assert len(run("head", "-c", "100000", "/dev/zero", max_output=100_000).stdout) == 100_000


def test_one_byte_more_is_too_much() -> None:
    with pytest.raises(LimitExceeded, match="100000 bytes of output"):
        run("head", "-c", "100001", "/dev/zero", max_output=100_000)


def test_endless_output_ends_the_program(tmp_path: Path) -> None:
    with pytest.raises(LimitExceeded):
        run(*shell('echo $$ >"$1"; exec yes', str(tmp_path / "pid")))
    assert gone(int((tmp_path / "pid").read_text()))


def test_endless_status_lines_end_the_program_too(tmp_path: Path) -> None:
    script = 'echo $$ >"$1"; exec yes >&"$2"'
    with pytest.raises(LimitExceeded, match=f"{STATUS_BYTES} bytes of status lines"):
        run(*shell(script, str(tmp_path / "pid"), STATUS_FD))
    assert gone(int((tmp_path / "pid").read_text()))


def test_a_program_that_fills_one_pipe_does_not_block_on_the_other() -> None:
    script = "head -c 60000 /dev/zero >&$1; head -c 300000 /dev/zero; head -c 5000 /dev/zero >&$1"
    found = run(*shell(script, STATUS_FD), max_output=300_000)
    assert (len(found.stdout), len(found.status)) == (300_000, 65_000)


@pytest.mark.parametrize(
    "script",
    ["exec sleep 1000", 'eval "exec $1>&-"; exec sleep 1000 >&-', "trap '' TERM; while :; do sleep 1; done"],
    ids=["hangs", "closes its output and hangs", "ignores SIGTERM"],
)
def test_a_program_that_does_not_end_is_ended_at_the_deadline(script: str) -> None:
    before = children()
    with pytest.raises(LimitExceeded, match="took longer"):
        run(*shell(script, STATUS_FD), deadline=0.5)
    assert children() == before


def test_a_cancelled_caller_leaves_no_process(tmp_path: Path) -> None:
    pipe = named_pipe(tmp_path)

    async def cancel_when_it_runs() -> int:
        argv = shell('echo $$ >"$1"; exec sleep 1000', str(pipe))
        task = asyncio.create_task(capture(argv, deadline=LONG, max_output=10, status=True))
        pid = int(await written(pipe))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return pid

    assert gone(asyncio.run(cancel_when_it_runs()))


def test_a_program_that_is_not_there_is_our_failure() -> None:
    before = open_descriptors()
    with pytest.raises(Failed, match="no-such-program"):
        run("no-such-program", fds=(os.memfd_create("x"),))
    assert open_descriptors() == before


def test_no_descriptor_is_lost_when_there_are_no_more() -> None:
    """EMFILE at any point: in a process of its own, whose limit we may lower."""
    script = """
import asyncio, os, resource
from appctld.system.capture import capture
async def main():
    await capture(("true",), deadline=60, max_output=1, status=True)  # what asyncio opens once is open now
    before = sorted(os.listdir("/proc/self/fd"))
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for room in range(1, 12):
        held = os.memfd_create("x")
        resource.setrlimit(resource.RLIMIT_NOFILE, (held + room, most))
        try:
            await capture(("true",), pass_fds=(held,), deadline=60, max_output=1, status=True)
        except Exception:
            pass
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, most))
        await asyncio.sleep(0)
        assert sorted(os.listdir("/proc/self/fd")) == before, (room, before, os.listdir("/proc/self/fd"))
asyncio.run(main())
"""
    package = str(Path(sys.modules["appctld"].__path__[0]).parent)
    found = run("env", f"PYTHONPATH={package}", sys.executable, "-W", "ignore", "-c", script)
    assert found.returncode == 0
