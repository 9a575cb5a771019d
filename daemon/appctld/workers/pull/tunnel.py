# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The proxy that libostree gets, on this machine, so that each of its connections is judged first.

libostree resolves, connects and follows redirects by itself; it is told to go through here, and does not know
of a proxy that is behind. Guarantees: every origin has passed `Peers` before a byte of a request reaches it;
plain HTTP is passed on for a remote that is a plain HTTP server of this machine, and for no other; only who
knows the password gets through. TLS is between libostree and the server; here its bytes are only counted.
"""

import base64
import contextlib
import hmac
import secrets
import select
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Self

from appctld.errors import AppctlError, CredentialScope
from appctld.workers.net.address import Origin, Url
from appctld.workers.net.failures import translate
from appctld.workers.net.peers import Peers
from appctld.workers.net.proxies import tunnel
from appctld.workers.pull.head import HEAD_BYTES, Head, read_head

CONNECT_SECONDS = 10.0  # an address that does not answer in this time will not
HEAD_SECONDS = 10.0  # libostree is on this machine, and says at once what it wants
CONNECTIONS = 64  # libostree opens 8 at once; others of this machine may come and be refused
_CHUNK = 256 << 10  # what a socket has at once

Connect = Callable[[Origin], socket.socket]


def connect(origin: Origin) -> socket.socket:
    """A connection to an origin. Raises OSError."""
    return socket.create_connection((origin.host, origin.port), CONNECT_SECONDS)


class Direct:
    """What stands for a tunnel where no server is asked."""

    failure: AppctlError | None = None
    received = 0
    password = ""
    proxy: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """See `Tunnel`."""

    def cut(self) -> None:
        """See `Tunnel.cut`."""


class Tunnel:
    """`with Tunnel(registry) as tunnel:`, in threads of its own; `tunnel.proxy` is what libostree is told.

    `failure` is the first thing that kept a connection from being made, `received` counts bytes of servers.
    """

    def __init__(self, registry: Origin, peers: Peers | None = None, connecting: Connect = connect) -> None:
        self.failure: AppctlError | None = None
        self.received = 0
        self.password = secrets.token_urlsafe(24)
        self._authorization = b"Basic " + base64.b64encode(f"appctl:{self.password}".encode())
        self._plain = registry.scheme == "http"
        self._peers = peers or Peers(registry, insecure=False)
        self._connect = connecting
        self._server = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._over = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def proxy(self) -> str:
        """The proxy's address, with its password."""
        return f"http://appctl:{self.password}@127.0.0.1:{self._server.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()
        self._thread.join()
        self._server.close()

    def cut(self) -> None:
        """End every connection and take no other: libostree does not always hear that it is cancelled."""
        self._over = True
        with self._lock, contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        with self._lock:
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed: the pull is over
            while True:
                client, _ = self._server.accept()
                with self._lock:
                    busy = len(self._open) >= 2 * CONNECTIONS
                if busy:
                    client.close()
                else:
                    threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), self._kept(client):
            client.settimeout(HEAD_SECONDS)
            head = read_head(client)
            if head is None or not hmac.compare_digest(head.authorization.encode(), self._authorization):
                client.sendall(_answer("407 Proxy Authentication Required"))
                return
            try:
                server = self._reach(head.url)
            except AppctlError as error:
                self.failure = self.failure or error
                client.sendall(_answer("403 Forbidden"))
                return
            with self._kept(server):
                for each in (client, server):
                    each.settimeout(None)  # bounds.py gives up a server that is too slow
                self._pass_on(head, client, server)

    @contextlib.contextmanager
    def _kept(self, connection: socket.socket) -> Iterator[None]:
        """Close it at the end, and before that when the pull is over."""
        with connection:
            with self._lock:
                self._open.add(connection)
                over = self._over
            try:
                if over:
                    raise OSError("the pull is over")
                yield
            finally:
                with self._lock:
                    self._open.discard(connection)

    def _reach(self, url: Url) -> socket.socket:
        """A connection to where a request wants to go, judged. Raises CredentialScope, Transport leaves."""
        if url.origin.scheme == "http" and not self._plain:
            raise CredentialScope(f"the repository sends us from https to plain HTTP at {url.origin.host}")
        if proxy := self._peers.way(url.origin):
            return tunnel(proxy, url.origin)
        try:
            server = self._connect(url.origin)
        except OSError as error:
            raise translate(error, url.origin.netloc).error from None
        try:
            self._peers.admit(url.origin, str(server.getpeername()[0]))
        except BaseException:
            server.close()
            raise
        return server

    def _pass_on(self, head: Head, client: socket.socket, server: socket.socket) -> None:
        if head.tunnelled:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self._relay({client: server, server: client}, server)
        else:
            server.sendall(head.forwarded(head.url))
            self._status_line(client, server)
            self._relay({server: client}, server)  # one request a connection: the next may go elsewhere

    def _status_line(self, client: socket.socket, server: socket.socket) -> None:
        """Pass on an answer's beginning, and that its connection ends with it."""
        data = b""
        while b"\r\n" not in data and len(data) < HEAD_BYTES:
            some = server.recv(_CHUNK)
            if not some:
                return
            self.received += len(some)
            data += some
        line, _, rest = data.partition(b"\r\n")
        client.sendall(line + b"\r\nConnection: close\r\n" + rest)

    def _relay(self, ways: Mapping[socket.socket, socket.socket], server: socket.socket) -> None:
        """Pass bytes on until one end closes."""
        while True:
            for source in select.select(list(ways), [], [])[0]:
                data = source.recv(_CHUNK)
                if not data:
                    return
                if source is server:
                    self.received += len(data)
                ways[source].sendall(data)


def _answer(status: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode()
