# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A service manager that only listens: the socket of sd_notify(3), and what it heard."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def listening(directory: Path) -> Iterator[tuple[socket.socket, str]]:
    """The socket, and what NOTIFY_SOCKET must be."""
    path = directory / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as said:
        said.bind(str(path))
        said.settimeout(0)
        yield said, str(path)


def heard(said: socket.socket) -> list[str]:
    """What came since the last time; no more than about ten lines wait (net.unix.max_dgram_qlen)."""
    lines: list[str] = []
    with suppress(BlockingIOError):
        while True:
            lines.append(said.recv(4096).decode())
    return lines


@contextmanager
def hearing(said: socket.socket) -> Iterator[list[str]]:
    """Read all that comes while this loop runs, however much it is."""
    loop, lines = asyncio.get_running_loop(), list[str]()
    loop.add_reader(said, lambda: lines.extend(heard(said)))
    try:
        yield lines
    finally:
        loop.remove_reader(said)
        lines += heard(said)
