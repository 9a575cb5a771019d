# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl`: parse the command line, do it, say what went wrong; the one place that catches.

Start-up is part of what people feel: only argparse is imported before the command is known.
"""

import sys
from argparse import Namespace
from collections.abc import Sequence
from importlib import import_module

from appctl.commandline.parser import help_of, parse, says
from appctl.exits import ExitCode
from appctl.failure import Failure, tell
from appctl.privileges import drop_ambient
from appctl.talk.wire import underscored
from appctl.terminal import output
from appctl.terminal.show import Palette


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code; with --propagate an unforeseen exception gets through."""
    words = sys.argv[1:] if arguments is None else arguments
    output.prepare()
    drop_ambient()
    try:
        return _told(words)
    finally:
        output.forget()


def _told(words: Sequence[str]) -> int:
    """Run one command, and tell what failed. Returns the exit code."""
    options: Namespace | None = None
    try:
        options = parse(words)
        return _run(options)
    except Failure as failure:
        return _tell(failure, options, words)
    except KeyboardInterrupt:
        return ExitCode.CANCELLED
    except BrokenPipeError:
        return ExitCode.FAILED
    except Exception as error:
        if options is None or options.propagate:
            raise
        hint = "--propagate shows where it happened"
        return _tell(Failure("Failed", f"{type(error).__name__}: {error}", hint), options, words)


def _run(options: Namespace) -> int:
    from appctl.context import Context

    context = Context(options)
    module, _, function = options.action.partition(":")
    try:
        return int(getattr(import_module(f"appctl.actions.{module}"), function)(context))
    finally:
        context.close()


def _tell(failure: Failure, options: Namespace | None, words: Sequence[str]) -> int:
    """Print a failure, also as JSON where that was asked for. Returns its exit code."""
    import contextlib
    import json

    if failure.name == "Usage":
        failure.hint = failure.hint or help_of(options)
    if says(words, "--json") if options is None else options.json:
        with contextlib.suppress(Failure, BrokenPipeError):  # the first failure is the one to tell
            output.put(json.dumps(underscored({"changed": False, "error": failure.to_json()}), indent=2))
    plain = says(words, "--no-color") if options is None else options.no_color
    verbose = options is not None and options.verbose
    tell(failure, sys.stderr, Palette.of(sys.stderr, allowed=not plain), verbose=verbose)
    return failure.code


if __name__ == "__main__":
    sys.exit(main())
