# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Runs a command on a pseudo-terminal, and types a password whenever one is asked for.

terminal.py PASSWORD COMMAND [ARGUMENT…]: for scripts/boot-test, whose user sits at no terminal. Prints
what stood there; the exit code is the command's.
"""

import os
import pty
import sys
import termios
import time

PROMPT = b"Password:"
LOCAL_MODES = 3  # in what tcgetattr returns


def main(password: str, command: list[str]) -> int:
    """Run it to its end."""
    asked = b""

    def read(terminal: int) -> bytes:
        nonlocal asked
        said = os.read(terminal, 4096)
        asked += said
        if PROMPT in asked:
            asked = asked.rpartition(PROMPT)[2]
            _until_hidden(terminal)
            os.write(terminal, f"{password}\n".encode())
        return said

    return os.waitstatus_to_exitcode(pty.spawn(command, read))


def _until_hidden(terminal: int) -> None:
    """Who asks forgets what was typed before the echo was turned off."""
    for _ in range(100):
        if not termios.tcgetattr(terminal)[LOCAL_MODES] & termios.ECHO:
            return
        time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
