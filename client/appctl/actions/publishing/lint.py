# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl lint`: what of an image will not be what its publisher means, before anybody installs it.

The work is done by a program of the caller's own; the daemon is not asked. Exit code 0: there is no error.
"""

from appctl.context import Context
from appctl.exits import ExitCode
from appctl.programs.images import image_place
from appctl.programs.program import run_program
from appctl.talk.wire import Json, get_objects, get_str, get_strings
from appctl.terminal.show import escape

_PROGRAM = "appctld.workers.lint"


def lint(context: Context) -> int:
    """Examine, and tell what was found. Raises Failure."""
    options = context.options
    place = image_place(context, options.image, called=options.named, lookaside=options.lookaside)
    answer = run_program(options, _PROGRAM, {"op": "lint", "fds": {}, "from": place})
    findings = get_objects(answer, "findings")
    errors = [finding for finding in findings if get_str(finding, "level") == "error"]
    if options.json:
        context.put_json({"images": answer["images"], "findings": [*findings], "good": not errors})
    for image in get_strings(answer, "images"):
        context.say(escape(image), *_lines([one for one in findings if get_str(one, "image") == image]))
    return ExitCode.FAILED if errors else ExitCode.DONE


def _lines(findings: list[Json]) -> list[str]:
    order = {"error": 0, "warning": 1, "note": 2}
    ordered = sorted(findings, key=lambda one: order.get(get_str(one, "level"), 0))
    return [
        f"  {get_str(one, 'level') + ':':<8} {escape(get_str(one, 'subject'))}: "
        f"{escape(get_str(one, 'sentence'))}  [{escape(get_str(one, 'code'))}]"
        for one in ordered
    ] or ["  nothing to say"]
