# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl`: parse the command line, do it, say what went wrong; the one place that catches.

Start-up is part of what people feel: only argparse is imported before the command is known.
"""

import sys
from collections.abc import Sequence
from importlib import import_module

from appctl.exits import ExitCode
from appctl.parser import parse


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code; with --propagate an unforeseen exception gets through."""
    from appctl.context import Context
    from appctl.failure import Failure, tell
    from appctl.show import Palette

    try:
        options = parse(sys.argv[1:] if arguments is None else arguments)
    except Failure as failure:
        tell(failure, sys.stderr, Palette.of(sys.stderr))
        return failure.code
    context = Context(options)
    try:
        module, _, function = options.action.partition(":")
        return int(getattr(import_module(f"appctl.actions.{module}"), function)(context))
    except Failure as failure:
        if options.json:
            context.put_json({"changed": False, "error": failure.to_json()})
        tell(failure, sys.stderr, context.err)
        return failure.code
    except KeyboardInterrupt:
        return ExitCode.CANCELLED
    except BrokenPipeError:
        _forget_output()
        return ExitCode.FAILED
    except Exception as error:
        if options.propagate:
            raise
        ours = Failure("Failed", f"{type(error).__name__}: {error}", "--propagate shows where it happened")
        tell(ours, sys.stderr, context.err)
        return ours.code
    finally:
        context.close()


def _forget_output() -> None:
    """Nobody reads our output any more: do not fail a second time when the interpreter flushes it."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
