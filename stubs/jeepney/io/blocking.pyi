# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
import socket
from collections.abc import Iterator

from jeepney import Message

class DBusConnection:
    sock: socket.socket
    outgoing_serial: Iterator[int]
    unique_name: str
    def send(self, message: Message, serial: int | None = None) -> None: ...
    def receive(self, *, timeout: float | None = None) -> Message: ...
    def send_and_get_reply(self, message: Message, *, timeout: float | None = None) -> Message: ...
    def close(self) -> None: ...

def open_dbus_connection(
    bus: str = "SESSION", enable_fds: bool = False, auth_timeout: float = 1.0
) -> DBusConnection: ...
