# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A program that works as the caller, without the daemon: one request, one answer.

It is asked on its standard input, a socket, by whose end it knows that we are gone, however that came; and
answers in lines of JSON: `{"progress": …}`, then `{"result": …}` or
`{"error": [name, sentence, hint, details]}`. Guarantees: a login in the request stands in no argument and no
environment; the first Ctrl-C asks the program to end, and what it leaves is what it promises for that; the
second one, or our own end, takes it along; whatever it says or does not say at its end is a result or a
Failure.
"""

import contextlib
import json
import os
import selectors
import socket
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator

from appctl.failure import Failure, usage
from appctl.talk.interrupts import Interrupts
from appctl.talk.wire import Json, JsonValue, get_int, get_object, get_str

LINE_BYTES = 4 << 20  # of an answer: the longest is a catalogue's, of 10,000 apps with 300 bytes, and remarks
_AGAIN = "try again; if it stays, tell the authors of appctl what stands above"
_READ = 1 << 16
_END_SECONDS = 10  # for what it tidies up

Listener = Callable[[Json], None]


def run_program(options: Namespace, module: str, request: Json) -> Json:
    """Run `module` of our own with a request, and return its result. Raises Failure."""
    from appctl.terminal.progress import display

    words = _words(request)
    with display(options) as shown, Interrupts() as interrupts:
        lines = _lines(module, words, interrupts, shown.interrupted)
        return _answer(lines, interrupts, lambda facts: shown(_as_a_job(facts)))


def _answer(lines: Iterator[Json], interrupts: Interrupts, listener: Listener) -> Json:
    """Read to the end of the program; the last word counts."""
    result: Json | None = None
    failure: Failure | None = None
    for line in lines:
        if "progress" in line:
            listener(get_object(line, "progress"))
        elif "result" in line:
            result = get_object(line, "result")
        else:
            failure = _failure(line.get("error"))
    if failure is not None:
        raise failure
    if result is None and interrupts.count:
        raise Failure("Cancelled", "it was cancelled")
    if result is None:
        raise Failure("Failed", "the program that should have done it ended without an answer", _AGAIN)
    return result


def _failure(error: JsonValue) -> Failure:
    match error:
        case [str(name), str(sentence), str(hint), dict(details)]:
            hyphened = {key.replace("_", "-"): value for key, value in details.items()}
            return Failure(name, sentence, hint, hyphened)
        case _:
            return Failure(
                "Failed", "the program that should have done it gave an answer that is none", _AGAIN
            )


def _as_a_job(facts: Json) -> Json:
    """What a display shows of a job."""
    return {
        "State": "running",
        "Stage": get_str(facts, "stage"),
        "Title": get_str(facts, "title"),
        "Percent": -1,
        "BytesDone": get_int(facts, "bytes"),
        "BytesTotal": get_int(facts, "total"),
        "BytesReused": 0,
    }


def _lines(
    module: str, request: bytes, interrupts: Interrupts, interrupted: Callable[[], None]
) -> Iterator[Json]:
    """What the program says, line by line, until it has ended."""
    command = [sys.executable, "-I", "-m", module]
    ours, theirs = socket.socketpair()
    with ours, _started(command, theirs) as program:
        try:
            _ask(ours, request)
            for line in _read(program, interrupts, interrupted):
                yield line
                if "progress" not in line:
                    ours.close()  # there is no second request
            if ours.fileno() < 0:  # it has answered, and goes by itself
                with contextlib.suppress(subprocess.TimeoutExpired):
                    program.wait(_END_SECONDS)
        finally:
            if program.poll() is None:
                _end(program, patience=0 if interrupts.count > 1 else _END_SECONDS)


def _started(command: list[str], requests: socket.socket) -> "subprocess.Popen[bytes]":
    """In a session of its own: the terminal's Ctrl-C is ours to pass on."""
    with requests:
        return subprocess.Popen(
            command, stdin=requests.fileno(), stdout=subprocess.PIPE, start_new_session=True
        )


def _words(request: Json) -> bytes:
    """The request as it is sent. Raises Failure (Usage) for a path, say, that is no UTF-8."""
    try:
        return json.dumps(request, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:
        raise usage("a word of the command line is no UTF-8 text, and cannot be asked about") from None


def _ask(requests: socket.socket, request: bytes) -> None:
    """Send the request. One that ended before it was asked is read all the same."""
    with contextlib.suppress(ConnectionError):
        requests.sendall(request)


def _read(
    program: "subprocess.Popen[bytes]", interrupts: Interrupts, interrupted: Callable[[], None]
) -> Iterator[Json]:
    if program.stdout is None:
        return
    told, waiting = False, bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(program.stdout, selectors.EVENT_READ)
        selector.register(interrupts.descriptor, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if interrupts.count and not told:
                told = True
                selector.unregister(interrupts.descriptor)
                program.terminate()
                interrupted()
            if program.stdout not in ready:
                continue
            data = os.read(program.stdout.fileno(), _READ)
            waiting += data
            *lines, rest = waiting.split(b"\n")
            waiting = bytearray(rest)
            for line in lines:
                yield _parsed(line)
            if not data or len(waiting) > LINE_BYTES:
                return


def _parsed(line: bytes | bytearray) -> Json:
    try:
        value = json.loads(line)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {}


def _end(program: "subprocess.Popen[bytes]", patience: int) -> None:
    """Let it tidy up, for so many seconds."""
    program.terminate()
    try:
        program.wait(patience)
    except subprocess.TimeoutExpired:
        program.kill()
