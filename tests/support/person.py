# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A person in front of a command that has a terminal of its own: reads what is shown, and types.

with Person(machine, "install", reference) as person:
    person.reads("Password: ")
    person.types("secret" + ENTER)
    assert person.ends() == 0
"""

import os
import pty
import select
import subprocess
import time
from types import TracebackType
from typing import Self

from support.machine import BIN, Machine

PATIENCE = 60.0  # seconds on a busy machine until something must have happened
CTRL_C = "\x03"
ENTER = "\n"


class Person:
    """One command; `shown` is everything that stood on the terminal so far."""

    def __init__(self, machine: Machine, *arguments: str, term: str = "dumb") -> None:
        self.shown = ""
        self._inside, outside = pty.openpty()
        command = ["setsid", "--ctty", "--wait", str(BIN / "appctl"), *arguments]
        environment = {**machine.environment, "TERM": term}
        self.process = subprocess.Popen(
            command, env=environment, stdin=outside, stdout=outside, stderr=outside
        )
        os.close(outside)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._inside)  # which hangs up on who still waits for a key
        self.process.wait(PATIENCE)

    def reads(self, text: str) -> None:
        """Wait until that text is shown."""
        end = time.monotonic() + PATIENCE
        while text not in self.shown:
            assert time.monotonic() < end, self.shown
            assert self._more() or self.process.poll() is None, self.shown

    def types(self, text: str) -> None:
        """Press those keys."""
        os.write(self._inside, text.encode())

    def ends(self) -> int:
        """Wait for the command's end; its exit code."""
        while self._more() or self.process.poll() is None:
            pass
        return self.process.wait(PATIENCE)

    def _more(self) -> bool:
        if not select.select([self._inside], [], [], 0.05)[0]:
            return False
        try:
            data = os.read(self._inside, 65536)
        except OSError:  # EIO: nobody has the terminal open any more
            return False
        self.shown += data.decode(errors="replace")
        return bool(data)
