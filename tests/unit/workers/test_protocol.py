# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""workers/protocol.py, the child's half: real processes, spoken to by hand."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import appctld
from appctld.errors import UnsafeArchive
from appctld.model.jsonvalue import JsonError
from appctld.workers import protocol
from appctld.workers.protocol import ENDED, REQUEST_BYTES, descriptor

CODE = str(Path(appctld.__file__).parent.parent)
WORKER = f"""
import sys
sys.path.insert(0, {CODE!r})
import os, signal, subprocess, time
from appctld import errors
from appctld.workers.protocol import main

def ok(request, report):
    report({{"bytes": 1}})
    return {{"got": sorted(request)}}

def noisy(request, report):
    print("a library's chatter")
    os.write(1, b"{{}}\\n")
    subprocess.run(["echo", "a child's chatter"])
    return {{}}

def leaf(request, report):
    raise errors.UnsafeArchive("it leaves its tree", path="usr/x")

def bug(request, report):
    raise ZeroDivisionError("secret")

def late(request, report):
    try:
        report({{"ready": True}})
        time.sleep(1000)
    finally:
        os.write(2, b"tidied up")

def gone(request, report):
    raise MemoryError

def deaf(request, report):
    raise BrokenPipeError

def length(request, report):
    return {{"length": len(request["filler"])}}

main({{"ok": ok, "noisy": noisy, "leaf": leaf, "bug": bug, "late": late, "gone": gone, "length": length,
    "deaf": deaf}})
"""


def answers(line: bytes) -> tuple[list[dict[str, Any]], str]:
    """The lines that the worker answers `line` with, and what it said on standard error."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", WORKER], input=line, capture_output=True, check=False, timeout=60
    )
    return [json.loads(each) for each in done.stdout.splitlines()], done.stderr.decode()


def ask(**request: object) -> tuple[list[dict[str, Any]], str]:
    return answers(json.dumps(request).encode() + b"\n")


def test_progress_then_one_result() -> None:
    lines, said = ask(op="ok", fds={})
    assert lines == [{"progress": {"bytes": 1}}, {"result": {"got": ["fds", "op"]}}]
    assert not said


def test_only_the_first_line_is_a_request() -> None:
    lines, _ = answers(b'{"op": "ok"}\n{"op": "bug"}\n')
    assert lines == [{"progress": {"bytes": 1}}, {"result": {"got": ["op"]}}]


def test_a_worker_on_a_socket_answers_in_turn_and_ends_with_it() -> None:
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-I", "-c", WORKER]
    with ours, theirs, subprocess.Popen(command, stdin=theirs.fileno(), stdout=subprocess.PIPE) as worker:
        theirs.close()
        assert worker.stdout is not None
        for _ in range(2):
            ours.sendall(b'{"op": "length", "filler": "four", "fds": {}}\n')
            assert json.loads(worker.stdout.readline()) == {"result": {"length": 4}}
        ours.close()
        try:
            assert worker.wait(timeout=30) == 0
        finally:
            worker.kill()


def test_a_worker_whose_asker_is_gone_ends_in_the_middle_of_a_request() -> None:
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-I", "-c", WORKER]
    pipe = subprocess.PIPE
    with ours, theirs, subprocess.Popen(command, stdin=theirs.fileno(), stdout=pipe, stderr=pipe) as worker:
        theirs.close()
        assert worker.stdout is not None
        assert worker.stderr is not None
        ours.sendall(b'{"op": "late", "fds": {}}\n')
        assert json.loads(worker.stdout.readline()) == {"progress": {"ready": True}}
        ours.close()
        try:
            assert worker.wait(timeout=30) == ENDED
        finally:
            worker.kill()
        assert worker.stderr.read() == b"tidied up"


def test_a_worker_whose_asker_was_gone_before_does_not_begin() -> None:
    ours, theirs = socket.socketpair()
    ours.sendall(b'{"op": "late", "fds": {}}\n')
    ours.close()
    with theirs:
        command = [sys.executable, "-I", "-c", WORKER]
        done = subprocess.run(command, stdin=theirs.fileno(), capture_output=True, check=False, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (ENDED, b"", b"")


def test_what_is_printed_goes_to_the_journal_never_into_the_answer() -> None:
    lines, said = ask(op="noisy")
    assert lines == [{"result": {}}]
    assert "a library's chatter" in said
    assert "a child's chatter" in said


def test_a_leaf_is_told_whole() -> None:
    lines, _ = ask(op="leaf")
    assert lines == [
        {"error": ["UnsafeArchive", "it leaves its tree", UnsafeArchive.hint, {"path": "usr/x"}]}
    ]


@pytest.mark.parametrize(("operation", "name"), [("bug", "ZeroDivisionError"), ("gone", "MemoryError")])
def test_a_bug_is_failed_for_the_caller_and_a_traceback_for_the_journal(operation: str, name: str) -> None:
    lines, said = ask(op=operation)
    assert [line["error"][:2] for line in lines] == [["Failed", f"a worker failed ({name})"]]
    assert "Traceback" in said
    assert "Traceback" not in json.dumps(lines)
    assert "secret" not in json.dumps(lines)


def test_a_reader_that_is_gone_is_told_as_the_echo_that_it_is() -> None:
    lines, _ = ask(op="deaf")
    assert [(line["error"][0], line["error"][3]) for line in lines] == [("Failed", {"echo": True})]


BAD = [
    b"",
    b"\n",
    b"hello\n",
    b"[]\n",
    b"{}\n",
    b'{"op": 1}\n',
    b'{"op": "no-such"}\n',
    b'{"op": "ok", "op": "ok"}\n',
    b'{"op": "__init__"}\n',
    b"\xff\n",
]


@pytest.mark.parametrize("line", BAD)
def test_a_request_that_makes_no_sense_is_answered_with_failed(line: bytes) -> None:
    lines, _ = answers(line)
    assert [each["error"][0] for each in lines] == ["Failed"]


def test_a_request_of_the_largest_size_is_read_and_one_byte_more_is_not() -> None:
    start, end = b'{"op": "length", "filler": "', b'"}\n'
    most = REQUEST_BYTES - len(start) - len(end)
    assert answers(start + b"x" * most + end)[0] == [{"result": {"length": most}}]
    lines, _ = answers(start + b"x" * (most + 1) + end)
    assert [each["error"][0] for each in lines] == ["Failed"]


def test_sigterm_ends_it_tidily_and_without_an_answer() -> None:
    argv = [sys.executable, "-I", "-c", WORKER]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(b'{"op": "late"}\n')
        worker.stdin.flush()
        assert json.loads(worker.stdout.readline()) == {"progress": {"ready": True}}
        worker.send_signal(signal.SIGTERM)
        rest, said = worker.communicate(timeout=60)
    assert (worker.returncode, rest) == (143, b"")
    assert said == b"tidied up"


def test_a_descriptor_is_found_by_its_name() -> None:
    assert descriptor({"fds": {"in": 5}}, "in") == 5


@pytest.mark.parametrize(
    "request_", [{}, {"fds": []}, {"fds": {}}, {"fds": {"in": "5"}}, {"fds": {"in": True}}]
)
def test_a_descriptor_that_was_not_given_is_an_error(request_: dict[str, Any]) -> None:
    with pytest.raises(JsonError):
        descriptor(request_, "in")


def test_no_more_descriptors_are_taken_than_any_request_has() -> None:
    mine, theirs = socket.socketpair()
    with mine, theirs, open(os.devnull, "rb") as nothing:  # noqa: PTH123
        socket.send_fds(mine, [b"{}\n"], [nothing.fileno()] * 20)
        _, taken = next(protocol._received(theirs))
        for descriptor in taken:
            os.close(descriptor)
    assert len(taken) == protocol._DESCRIPTORS
