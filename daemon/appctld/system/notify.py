# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What the service manager is told, and how often it wants to hear that we live (sd_notify(3)).

Guarantees: to tell it costs one datagram and never waits; without a manager, or with one that does not
listen, nothing happens; it is told by whoever calls, never by a thread: silence means that who calls is
stuck.
What is said of jobs is the caller's; `systemctl status` shows it to every user of the machine.
"""

import logging
import os
import socket
from collections.abc import Mapping

_log = logging.getLogger(__name__)

PINGS = 3  # within the time after which the manager gives us up: two may be late


class Notifier:
    """The manager's socket; `ping_seconds` is how often it must be told that we live, 0 for never."""

    def __init__(self, address: str = "", ping_seconds: float = 0.0) -> None:
        self.ping_seconds = ping_seconds
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._status = ""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Notifier":
        """The manager that started us, or none."""
        mine = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        microseconds = environment.get("WATCHDOG_USEC", "") if mine else ""
        seconds = int(microseconds) / 1e6 if microseconds.isdecimal() else 0.0
        return cls(environment.get("NOTIFY_SOCKET", ""), seconds / PINGS)

    def ready(self) -> None:
        """We serve."""
        self._tell("READY=1")

    def alive(self) -> None:
        """The loop turns; to be said every `ping_seconds`."""
        if self.ping_seconds:
            self._tell("WATCHDOG=1")

    def status(self, text: str) -> None:
        """What we are doing: one line, for everybody to see; the same once is enough."""
        if text != self._status:
            self._status = text
            self._tell(f"STATUS={text}")

    def stopping(self) -> None:
        """We are about to leave: who calls from now on needs another process."""
        self._tell("STOPPING=1")

    def linger(self, seconds: float) -> None:
        """It takes so long from now until we must be asked again whether we still live."""
        self._tell(f"EXTEND_TIMEOUT_USEC={int(seconds * 1e6)}")

    def _tell(self, line: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as one:
                one.sendto(line.encode(), self._address)
        except OSError as error:  # it is restarted, or does not read: the next line may reach it
            _log.debug("the service manager was not told %s: %s", line, error)
