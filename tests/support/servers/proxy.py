# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An HTTP proxy on loopback that tunnels (CONNECT), and knows where names lead that nobody else knows.

    with Proxy({"192.0.2.1:443": ("127.0.0.1", server.port)}, login="alice:secret") as proxy:
        proxy.url, proxy.asked

What it does not know it refuses (502), so nothing but loopback is ever reached.
"""

import base64
import select
import socket
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Self


class Proxy:
    """`asked` are the targets that were asked for with the right login, in order."""

    def __init__(self, leads: Mapping[str, tuple[str, int]], login: str = "") -> None:
        self.asked: list[str] = []
        self.leads = leads
        self._wanted = f"Basic {base64.b64encode(login.encode()).decode()}" if login else ""
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.host}"
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, client.makefile("rb") as lines:
            method, target, _ = lines.readline().decode().split(" ")
            headers = dict(
                line.decode().strip().split(": ", 1) for line in iter(lines.readline, b"\r\n") if line
            )
            if headers.get("Proxy-Authorization", "") != self._wanted:
                client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
                return
            self.asked.append(target)
            if method != "CONNECT" or target not in self.leads:
                client.sendall(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
                return
            with socket.create_connection(self.leads[target]) as server:
                client.sendall(b"HTTP/1.1 200 Connection established\r\nVia: a test\r\n\r\n")
                _relay(client, server)


def _relay(client: socket.socket, server: socket.socket) -> None:
    while True:
        for one in select.select([client, server], [], [])[0]:
            try:
                data = one.recv(65536)
                (server if one is client else client).sendall(data)
            except OSError:
                return
            if not data:
                return
