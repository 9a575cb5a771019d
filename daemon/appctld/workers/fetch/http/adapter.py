# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The connections of requests and urllib3, each asked about (net/peers.py) before a request goes over it.

One that a proxy makes is asked about before the proxy is asked for it. The libraries know nothing of proxies:
they get a socket that leads where they want to go.
"""

import socket
import ssl
from collections.abc import Callable
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from appctld.workers.net.address import Origin
from appctld.workers.net.peers import Peers
from appctld.workers.net.proxies import tunnel


class CheckedAdapter(HTTPAdapter):
    """The adapter for both schemes: no retry, no CA bundle and no proxy of its own."""

    def __init__(self, peers: Peers, context: ssl.SSLContext) -> None:
        self._peers = peers
        self._context = context
        super().__init__(max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **more: Any) -> None:  # noqa: ANN401, FBT001, FBT002 - the base's signature
        """Make the pools; called by the base's constructor."""
        super().init_poolmanager(connections, maxsize, block, ssl_context=self._context, **more)
        self.poolmanager.pool_classes_by_scheme = _pools(self._peers)

    def cert_verify(self, conn: Any, url: str, verify: object, cert: object) -> None:  # noqa: ANN401, ARG002 - the base's signature
        """Always verify, and leave out what the base does here: adding the CAs of the `certifi` package."""
        conn.cert_reqs = "CERT_REQUIRED"


def _pools(peers: Peers) -> dict[str, type[HTTPConnectionPool]]:
    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _judged(peers, Origin("http", self.host, self.port), super()._new_conn)

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _judged(peers, Origin("https", self.host, self.port), super()._new_conn)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def _judged(peers: Peers, origin: Origin, connect: Callable[[], socket.socket]) -> socket.socket:
    """A connection that may be, before its first byte; one that may not be is closed at once."""
    if proxy := peers.way(origin):
        return tunnel(proxy, origin)
    connection = connect()
    try:
        peers.admit(origin, connection.getpeername()[0])
    except BaseException:
        connection.close()
        raise
    return connection
