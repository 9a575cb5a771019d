# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The connections of requests and urllib3, each asked about (net/peers.py) before a request goes over it."""

import ssl
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from appctld.workers.net.address import Origin
from appctld.workers.net.peers import Peers


class CheckedAdapter(HTTPAdapter):
    """The adapter for both schemes: no retry of its own, no CA bundle of its own, no proxy."""

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
        def connect(self) -> None:
            super().connect()
            _judge(peers, "http", self)

    class Secure(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            _judge(peers, "https", self)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def _judge(peers: Peers, scheme: str, connection: HTTPConnection) -> None:
    """Ask before the first byte of a request; a connection that may not be is closed at once."""
    if connection.sock is None:
        raise OSError("not connected")
    try:
        peers.admit(Origin(scheme, connection.host, connection.port), connection.sock.getpeername()[0])
    except BaseException:
        connection.close()
        raise
