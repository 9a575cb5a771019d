# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The CLI as a function of this process, with a machine's real daemon behind it.

    ran = called(machine, "install", "-y", "--", name)
    with Near(directory) as machine:         all of its commands are called so

For tables of words, hundreds of them: most of what a refusal takes is an interpreter's start.
"""

import io
import os
import sys
from unittest.mock import patch

from appctl.__main__ import main
from support.machines.machine import Machine, Ran


def called(machine: Machine, *words: str, stdin: str = "") -> Ran:
    """Run a command with nobody to ask; how it ended."""
    given, out, err = io.BytesIO(stdin.encode()), io.BytesIO(), io.BytesIO()
    streams = [io.TextIOWrapper(held, "utf-8") for held in (given, out, err)]
    with (
        patch.dict(os.environ, machine.environment, clear=True),
        patch.object(sys, "stdin", streams[0]),
        patch.object(sys, "stdout", streams[1]),
        patch.object(sys, "stderr", streams[2]),
    ):
        code = main(words)
    for stream in streams:
        stream.flush()
    return Ran(code, out.getvalue().decode(), err.getvalue().decode())


class Near(Machine):
    """A machine whose commands are called in this process, but for `run`: an app has streams of its own."""

    def appctl(self, *arguments: str, stdin: str = "", code: int | None = 0) -> Ran:
        """See `Machine.appctl`."""
        if arguments[0] == "run":
            return super().appctl(*arguments, stdin=stdin, code=code)
        ran = called(self, *arguments, stdin=stdin)
        assert code in {None, ran.code}, f"{arguments}: {ran}\n{self.log.read_text()[-3000:]}"
        return ran
