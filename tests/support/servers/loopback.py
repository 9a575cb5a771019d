# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A web server on loopback that serves while `with` lasts; what it answers is its handler's."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


class _Server(ThreadingHTTPServer):
    request_queue_size = (
        128  # by default 5, and libostree opens 8 connections at once: others wait for seconds
    )


@contextmanager
def refusing() -> Iterator[int]:
    """Give a port at which nobody listens, and which nobody else gets meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


class LoopbackServer:
    """`host` is `127.0.0.1:PORT`, or what `named` says: then it has port 443 of that name."""

    def __init__(
        self,
        handler: Callable[..., BaseHTTPRequestHandler],
        named: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._server = _Server((named, 443) if named else ("127.0.0.1", 0), handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.host = named or f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
