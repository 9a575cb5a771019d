# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The three standard streams: what is printed arrives, or the command has failed.

Guarantees: no letter is too strange to be printed (it is spelled out where the locale has none for it); an
output that was closed before we started is an error when something is printed, and no other file ever takes
its place; one that cannot be written to (a full disk) is told once.
"""

import io
import os
import sys

from appctl.failure import UNWRITABLE, Failure

# Closed ones get what cannot be used either: reading gives the end, writing fails, as it did before.
_MODES = {0: os.O_RDONLY, 1: os.O_RDONLY, 2: os.O_WRONLY}


def prepare() -> None:
    """Make the streams usable. Called once, before anything is opened."""
    for descriptor, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            _fill(descriptor)
            setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _fill(descriptor: int) -> None:
    null = os.open(os.devnull, _MODES[descriptor])
    if null != descriptor:
        os.dup2(null, descriptor)
        os.close(null)


def put(*lines: str) -> None:
    """Print lines to standard output. Raises Failure; BrokenPipeError when nobody reads any more."""
    if not lines:
        return
    try:
        print(*lines, sep="\n", flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _unwritable(error) from error


def forget() -> None:
    """Drop what could not be written, or the interpreter fails a second time when it ends."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)


def _unwritable(error: OSError) -> Failure:
    return Failure("Failed", f"standard output cannot be written: {error.strerror}", UNWRITABLE)
