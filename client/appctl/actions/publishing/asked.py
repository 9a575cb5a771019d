# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is asked of the program for whatever is published, and told of it."""

import contextlib
import os
import sys
from argparse import Namespace

from appctl.context import Context
from appctl.failure import usage
from appctl.programs.destinations import named
from appctl.programs.program import run_program
from appctl.talk.wire import Json, get_object, get_str, get_strings
from appctl.terminal.show import escape

_PROGRAM = "appctld.workers.export"


def published(context: Context, request: Json) -> Json:
    """Have it published; what the program says of it, under its whole name. Raises Failure."""
    let_gpg_ask()
    answer = run_program(context.options, _PROGRAM, request)
    return {**answer, "name": named(get_object(request, "to")) or answer["name"]}


def tell(context: Context, result: Json, size: str) -> None:
    """Say what was published; `size` in words."""
    if context.options.json:
        context.put_json({"changed": True, **result})
    context.say(
        f"{escape(get_str(result, 'name'))}  {escape(get_str(result, 'digest'))}",
        size,
        *(f"signed: {escape(place)}" for place in get_strings(result, "signatures")),
    )


def signing(options: Namespace, identity: str) -> Json:
    """Who signs it under that name."""
    return {
        "identity": identity,
        "gpg": options.sign_gpg,
        "cosign": absolute(options.sign_cosign),
        "lookaside": absolute(options.lookaside),
    }


def source_date() -> int:
    """Seconds since 1970, or -1 where nobody says (reproducible-builds.org, SOURCE_DATE_EPOCH)."""
    text = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return -1
    if not text.isascii() or not text.isdigit() or len(text) > len("253402300799"):
        raise usage(f"SOURCE_DATE_EPOCH is {text!r}", "seconds since 1970, or unset")
    return int(text)


def absolute(path: str) -> str:
    """A path as the program, which works elsewhere, finds it; empty for none."""
    return os.path.abspath(path) if path else ""  # noqa: PTH100 - `a/../b` as the shell has it


def let_gpg_ask() -> None:
    """The program has no terminal of its own; pinentry finds ours by name."""
    if not sys.stdin.isatty():
        return
    with contextlib.suppress(OSError):  # a terminal that came in from another container has no name here
        os.environ.setdefault("GPG_TTY", os.ttyname(sys.stdin.fileno()))
