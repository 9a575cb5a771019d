# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Runs tests of a copy of the checkout, again and again, each time in a fresh child.

    COPY/.venv/bin/python server.py      requests on standard input, answers on standard output, a line each

Guarantees: the libraries are loaded once, but nothing of appctl's: a child imports that as it stands then. A
child that hangs is killed, with everything it started. Leaves to others: which tests, and what they mean.

A request is `{"tests": [IDs or paths], "seconds": n, "each": {ID: n}, "trace": bool}`, the answer `{"red":
[ID], "seconds": {ID: n}, "lines": {FILE: {LINE: [ID]}}}`. `seconds` are for all, `each` for one test: then it
hangs, and is red. `red` are tests that failed, "(…)" where none was reached. With `trace` all tests run, else
none after the first that is red; `lines` says which of them ran which lines.
"""

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import coverage
import cryptography.hazmat.primitives.asymmetric.ec
import dbus_next.aio
import gi
import gnupg
import hypothesis.strategies
import jsonschema
import pytest
import requests
import zstandard

gi.require_version("OSTree", "1.0")
import gi.repository.Gio  # noqa: E402
import gi.repository.GLib  # noqa: E402
import gi.repository.OSTree  # noqa: E402

PRELOADED = (
    coverage,
    cryptography,
    dbus_next,
    gi,
    gnupg,
    hypothesis,
    jsonschema,
    pytest,
    requests,
    zstandard,
)
# A failed test need not be explained, and rewriting the assertions of what is preloaded takes a second a run
LEAN = ("-q", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:xdist")
PR_SET_PDEATHSIG = 1  # linux/prctl.h: what a run started does not outlive it
TOP = Path(__file__).resolve().parents[3]
MEMORY = 6 << 30  # bytes of address space: a limit that was removed must not take the machine's
STATE = Path(os.environ["TMPDIR"])
BASE = STATE / "pytest"  # what tests write
NOW = STATE / "now"  # the test that runs


class Notes:
    """A pytest plugin: which test failed first, how long each took, and in which one we are."""

    def __init__(self, request: dict[str, Any], tracer: coverage.Coverage | None) -> None:
        self.red: list[str] = []
        self.seconds: dict[str, float] = {}
        self._places = {name: place for place, name in enumerate(request["tests"])}
        self._each = request["each"]
        self._tracer = tracer

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Of files run only the tests that were asked for, in the order asked for."""
        if any("::" in name for name in self._places):
            items[:] = sorted(
                (item for item in items if item.nodeid in self._places),
                key=lambda item: self._places[item.nodeid],
            )

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Say whose lines these are, and die of SIGALRM if it takes too long."""
        NOW.write_text(nodeid)
        signal.setitimer(signal.ITIMER_REAL, self._each.get(nodeid, 0))
        if self._tracer:
            self._tracer.switch_context(nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what became of one phase of a test."""
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0) + report.duration
        if report.failed:
            self.red.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a file that cannot be imported."""
        if report.failed:
            self.red.append(report.nodeid)


def serve() -> None:
    """Answer until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    with open(STATE / "log", "ab") as log:  # noqa: PTH123 - kept open for the children
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    for line in sys.stdin:
        answers.write(json.dumps(_in_child(json.loads(line))) + "\n")
        answers.flush()


def _in_child(request: dict[str, Any]) -> dict[str, Any]:
    reading, writing = os.pipe()
    NOW.write_text("(no answer)")
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            os.setsid()
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            os.close(reading)
            told = json.dumps(_run(request))
            with os.fdopen(writing, "w") as pipe:
                pipe.write(told)
        os._exit(0)
    os.close(writing)
    data = _read(reading, time.monotonic() + request["seconds"])
    os.close(reading)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    _clear()
    if not data:
        return {"red": [NOW.read_text()], "seconds": {}, "lines": {}}
    answer: dict[str, Any] = json.loads(data)
    return answer


def _clear() -> None:
    """Remove what the tests left: without its guard a test may leave a tree that no Python walks.

    Else pytest would fail at it from now on, and every test with it.
    """
    subprocess.run(["chmod", "-R", "u+rwX", BASE], check=False, stderr=subprocess.DEVNULL)
    subprocess.run(["rm", "-rf", BASE], check=False)


def _read(pipe: int, deadline: float) -> bytes:
    """Everything until the end, or nothing where it does not come in time."""
    data = b""
    while (left := deadline - time.monotonic()) > 0 and select.select([pipe], [], [], left)[0]:
        piece = os.read(pipe, 1 << 20)
        if not piece:
            return data
        data += piece
    return b""


def _run(request: dict[str, Any]) -> dict[str, Any]:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    os.chdir(TOP)
    tests, trace = request["tests"], request["trace"]
    tracer = coverage.Coverage(data_file=None, source=[str(TOP / "daemon")]) if trace else None
    notes = Notes(request, tracer)
    files = list(dict.fromkeys(name.partition("::")[0] for name in tests))
    options = [] if trace else ["--exitfirst"]
    if tracer:
        tracer.start()
    code = pytest.main([*LEAN, f"--basetemp={BASE}", *options, *files], plugins=[notes])
    if tracer:
        tracer.stop()
    if not notes.red and code not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
        notes.red.append(f"(exit code {code})")
    return {"red": notes.red, "seconds": notes.seconds, "lines": _lines(tracer) if tracer else {}}


def _lines(tracer: coverage.Coverage) -> dict[str, dict[int, list[str]]]:
    data = tracer.get_data()
    return {
        str(Path(file).relative_to(TOP)): {
            line: [name for name in tests if name] for line, tests in data.contexts_by_lineno(file).items()
        }
        for file in data.measured_files()
    }


if __name__ == "__main__":
    serve()
