# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The child's half of the worker pattern: a request line in, progress lines and one answer line out.

A worker is a table of handlers. `main` reads `{"op": …, "fds": {name: number}, …}` from standard input, calls
the handler, and writes `{"progress": …}` lines and then `{"result": …}` or `{"error": [name, sentence, hint,
data]}`. Bulk bytes never cross here: a handler reads and writes the descriptors it was given and closes them.
Where standard input is a socket, one request follows the other until it ends, and each brings its descriptors
with its first byte; what `fds` names them is their order. Such a worker ends, in the middle of a request too,
when nobody is left who asked it: its sandbox may have been killed before it could end with its parent.
"""

import contextlib
import fcntl
import json
import os
import select
import signal
import socket
import stat
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import BinaryIO, cast

from appctld.errors import AppctlError, Failed
from appctld.model.jsonvalue import JsonObject, get_int, get_object, get_str, parse_object

REQUEST_BYTES = 38 << 20  # a deploy carries a provenance of at most 34 MiB, and two records of 1 MiB

ENDED = 128 + signal.SIGTERM

_DESCRIPTORS = 8  # that may come with a request; none has more than two

Report = Callable[[JsonObject], None]
Handler = Callable[[JsonObject, Report], JsonObject]


def main(handlers: Mapping[str, Handler]) -> None:
    """Serve the requests of this process, mostly one, and end it."""
    signal.signal(signal.SIGTERM, _terminated)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints goes to the journal, never into the answer
    if stat.S_ISSOCK(os.fstat(0).st_mode):
        with socket.socket(fileno=os.dup(0)) as requests:
            handlers = {name: _ending_with(requests, handler) for name, handler in handlers.items()}
            for line, descriptors in _received(requests):
                _serve(handlers, line, descriptors, answers)
    else:
        _serve(handlers, sys.stdin.buffer.readline(REQUEST_BYTES + 1), None, answers)
    answers.close()


def _serve(
    handlers: Mapping[str, Handler], line: bytes, descriptors: Sequence[int] | None, answers: BinaryIO
) -> None:
    """One request; `descriptors` are None where they are inherited, under the numbers that it names."""
    try:
        request = parse_object(line, REQUEST_BYTES)
        if descriptors is not None:  # none of some is a failure: the numbers are those of the other side
            request["fds"] = dict(zip(get_object(request, "fds"), descriptors, strict=True))
        result = handlers[get_str(request, "op")](request, lambda facts: _write(answers, {"progress": facts}))
    except AppctlError as error:
        _write(answers, {"error": error.to_wire()})
    except BrokenPipeError:
        _write(answers, {"error": Failed("who read from a worker is gone", echo=True).to_wire()})
    except Exception as error:  # noqa: BLE001 - a worker's bug must reach its caller as an answer
        traceback.print_exc()
        _write(answers, {"error": Failed(f"a worker failed ({type(error).__name__})").to_wire()})
    else:
        _write(answers, {"result": result})


def _received(requests: socket.socket) -> Iterator[tuple[bytes, list[int]]]:
    """Each request with its descriptors, until the other end is closed."""
    while True:
        first, descriptors, _, _ = socket.recv_fds(requests, 1, _DESCRIPTORS)
        if not first:
            return
        line = bytearray(first)
        while not line.endswith(b"\n") and len(line) <= REQUEST_BYTES and (more := requests.recv(1 << 16)):
            line += more
        yield bytes(line), descriptors


def _ending_with(requests: socket.socket, handler: Handler) -> Handler:
    """The same handler, which gets SIGTERM when the other end is closed."""

    def handle(request: JsonObject, report: Report) -> JsonObject:
        with _told(requests):
            return handler(request, report)

    return handle


@contextlib.contextmanager
def _told(requests: socket.socket) -> Iterator[None]:
    """For the length of the block what happens to a socket is SIGTERM: before an answer only its end can."""
    flags = fcntl.fcntl(requests, fcntl.F_GETFL)
    fcntl.fcntl(requests, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(requests, fcntl.F_SETSIG, signal.SIGTERM)
    fcntl.fcntl(requests, fcntl.F_SETFL, flags | os.O_ASYNC)
    gone = select.poll()
    gone.register(requests, select.POLLRDHUP)
    if gone.poll(0):  # before the kernel was told to say so
        raise SystemExit(ENDED)
    try:
        yield
    finally:
        fcntl.fcntl(requests, fcntl.F_SETFL, flags)


def late(where: str) -> Handler:
    """The handler `module:function`, imported when it is called: most workers are asked for one of many."""

    def handle(request: JsonObject, report: Report) -> JsonObject:
        module, _, function = where.partition(":")
        return cast("Handler", getattr(import_module(module), function))(request, report)

    return handle


def descriptor(request: JsonObject, name: str) -> int:
    """The number of the descriptor that the parent passed as `name`."""
    return get_int(get_object(request, "fds"), name)


def handed(request: JsonObject, name: str) -> int:
    """The same of one that somebody else opened: it comes in a socket, out of which it is taken here.

    What a caller of the daemon sends is open in workers alone (system/foreign.py). Raises Failed.
    """
    number = descriptor(request, name)
    if not stat.S_ISSOCK(os.fstat(number).st_mode):
        return number  # ours: what came through a pipe was copied
    with socket.socket(fileno=number) as sealed:
        _, found, _, _ = socket.recv_fds(sealed, 1, 1)
    if len(found) != 1:
        raise Failed("a socket without the descriptor that was to be in it")
    return found[0]


def _write(answers: BinaryIO, value: Mapping[str, object]) -> None:
    answers.write(json.dumps(value, default=str).encode() + b"\n")
    answers.flush()


def _terminated(_signal: int, _frame: object) -> None:
    raise SystemExit(ENDED)
