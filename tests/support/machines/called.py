# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The CLI as a function of this process, with a machine's real daemon behind it.

    ran = called(machine, "install", "-y", "--", name)

For tables of words, hundreds of them: most of what a refusal takes is an interpreter's start.
"""

import io
import os
import sys
from unittest.mock import patch

from appctl.__main__ import main
from support.machines.machine import Machine, Ran


def called(machine: Machine, *words: str) -> Ran:
    """Run a command with nobody to ask; how it ended."""
    streams = {name: io.TextIOWrapper(io.BytesIO(), "utf-8") for name in ("stdin", "stdout", "stderr")}
    with patch.dict(os.environ, machine.environment, clear=True), patch.multiple(sys, **streams):
        code = main(words)
        said = [streams[name] for name in ("stdout", "stderr")]
        for stream in said:
            stream.flush()
        out, err = (stream.buffer.getvalue().decode() for stream in said)  # type: ignore[attr-defined]
    return Ran(code, out, err)
