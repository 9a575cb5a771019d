# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The connections of requests and urllib3, each asked about (net/peers.py) before a request goes over it.

One that a proxy makes is asked about before the proxy is asked for it. The libraries know nothing of proxies:
they get a socket that leads where they want to go.
"""

import socket
import ssl
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from appctld.workers.net.address import Origin
from appctld.workers.net.peers import Peers
from appctld.workers.net.proxies import DIRECT, Proxies, tunnel


class CheckedAdapter(HTTPAdapter):
    """The adapter for both schemes: no retry, no CA bundle and no proxy of its own."""

    def __init__(self, peers: Peers, context: ssl.SSLContext, proxies: Proxies = DIRECT) -> None:
        self._peers = peers
        self._proxies = proxies
        self._context = context
        super().__init__(max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **more: Any) -> None:  # noqa: ANN401, FBT001, FBT002 - the base's signature
        """Make the pools; called by the base's constructor."""
        super().init_poolmanager(connections, maxsize, block, ssl_context=self._context, **more)
        self.poolmanager.pool_classes_by_scheme = _pools(self._peers, self._proxies)

    def cert_verify(self, conn: Any, url: str, verify: object, cert: object) -> None:  # noqa: ANN401, ARG002 - the base's signature
        """Always verify, and leave out what the base does here: adding the CAs of the `certifi` package."""
        conn.cert_reqs = "CERT_REQUIRED"


def _pools(peers: Peers, proxies: Proxies) -> dict[str, type[HTTPConnectionPool]]:
    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _through(peers, proxies, "http", self) or super()._new_conn()

        def connect(self) -> None:
            super().connect()
            if proxies.of(_origin("http", self)) is None:
                _judge(peers, "http", self)

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _through(peers, proxies, "https", self) or super()._new_conn()

        def connect(self) -> None:
            super().connect()
            if proxies.of(_origin("https", self)) is None:
                _judge(peers, "https", self)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def _through(peers: Peers, proxies: Proxies, scheme: str, connection: HTTPConnection) -> socket.socket | None:
    """A connection that a proxy made, once that may be asked; None where there is no proxy."""
    origin = _origin(scheme, connection)
    proxy = proxies.of(origin)
    if proxy is None:
        return None
    peers.admit_unseen(origin)
    return tunnel(proxy, origin)


def _judge(peers: Peers, scheme: str, connection: HTTPConnection) -> None:
    """Ask before the first byte of a request; a connection that may not be is closed at once."""
    if connection.sock is None:
        raise OSError("not connected")
    try:
        peers.admit(_origin(scheme, connection), connection.sock.getpeername()[0])
    except BaseException:
        connection.close()
        raise


def _origin(scheme: str, connection: HTTPConnection) -> Origin:
    return Origin(scheme, connection.host, connection.port)
