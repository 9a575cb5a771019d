# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Somebody who answers one command's questions at a terminal, and reads what it prints where it prints it."""

import os
import subprocess

from support.machines.machine import BIN, Machine, Ran


def answered(machine: Machine, said: str, *arguments: str) -> Ran:
    """Run the CLI with a terminal, and type something."""
    ours, theirs = os.openpty()
    try:
        os.write(ours, said.encode())
        command = [str(BIN / "appctl"), *arguments]
        done = subprocess.run(
            command, env=machine.environment, stdin=theirs, capture_output=True, text=True, check=False
        )
    finally:
        os.close(ours)
        os.close(theirs)
    return Ran(done.returncode, done.stdout, done.stderr)
