# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The child's half of the worker pattern: one request line in, progress lines and one answer line out.

A worker is a table of handlers. `main` reads `{"op": …, "fds": {name: number}, …}` from standard input, calls
the handler, and writes `{"progress": …}` lines and then `{"result": …}` or `{"error": [name, sentence, hint,
data]}`. Bulk bytes never cross here: a handler reads and writes the descriptors it was given and closes them.
"""

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import BinaryIO, cast

from appctld.errors import AppctlError, Failed
from appctld.model.jsonvalue import JsonObject, get_int, get_object, get_str, parse_object

REQUEST_BYTES = 24 << 20  # a deploy carries a provenance of at most 20 MiB, and two records of 1 MiB

Report = Callable[[JsonObject], None]
Handler = Callable[[JsonObject, Report], JsonObject]


def main(handlers: Mapping[str, Handler]) -> None:
    """Serve the one request of this process, and end it."""
    signal.signal(signal.SIGTERM, _terminated)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints goes to the journal, never into the answer
    try:
        line = sys.stdin.buffer.readline(REQUEST_BYTES + 1)
        request = parse_object(line, REQUEST_BYTES)
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
    answers.close()


def late(where: str) -> Handler:
    """The handler `module:function`, imported when it is called: most workers are asked for one of many."""

    def handle(request: JsonObject, report: Report) -> JsonObject:
        module, _, function = where.partition(":")
        return cast("Handler", getattr(import_module(module), function))(request, report)

    return handle


def descriptor(request: JsonObject, name: str) -> int:
    """The number of the descriptor that the parent passed as `name`."""
    return get_int(get_object(request, "fds"), name)


def _write(answers: BinaryIO, value: Mapping[str, object]) -> None:
    answers.write(json.dumps(value, default=str).encode() + b"\n")
    answers.flush()


def _terminated(_signal: int, _frame: object) -> None:
    raise SystemExit(143)
