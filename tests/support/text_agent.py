# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""polkit's text agent on a pseudo-terminal, for callers in this process."""

import os
import pty
import subprocess
import time
from types import TracebackType
from typing import Self

SECONDS = 30.0


class TextAgent:
    """Runs while `with` lasts; whatever it asks is answered with a wrong password."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._process: subprocess.Popen[bytes] | None = None
        self._master = -1
        self._shown = b""

    def __enter__(self) -> Self:
        self._master, slave = pty.openpty()
        registered, told = os.pipe()
        self._process = subprocess.Popen(
            ["setsid", "-c", "pkttyagent", "--notify-fd", str(told), "--process", str(os.getpid())],
            env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": self._address, "LANG": "C.UTF-8"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            pass_fds=[told],
        )
        os.close(slave)
        os.close(told)
        os.read(registered, 1)  # its end: it is registered, or gave up
        os.close(registered)
        return self

    def until(self, words: str) -> str:
        """Everything that stands there when these words do."""
        end = time.monotonic() + SECONDS
        while words.encode() not in self._shown:
            assert time.monotonic() < end, self._shown
            self._shown += os.read(self._master, 4096)
            if self._shown.rstrip().endswith(b"Password:"):
                os.write(self._master, b"wrong\n")
                self._shown += b" (wrong)"
        return self._shown.decode()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(SECONDS)
        os.close(self._master)
