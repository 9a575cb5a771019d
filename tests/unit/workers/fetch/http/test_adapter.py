# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""adapter.py: each new connection is asked about, by its own address, before a byte of a request is sent.

That the rules then keep us from what only this machine can reach is in workers/fetch/test_internet.py.
"""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from appctld.errors import CredentialScope
from appctld.workers.fetch.http.adapter import CheckedAdapter
from appctld.workers.net.address import Origin
from appctld.workers.net.peers import Peers
from support.servers.fake_registry import FakeServer, Reply, loopback_identity


class Gate(Peers):
    """Peers of whom all or none are admitted; who was asked about."""

    def __init__(self, *, opened: bool) -> None:
        super().__init__(Origin("https", "registry.example", 443), insecure=False)
        self.asked: list[tuple[Origin, str]] = []
        self.opened = opened

    def admit(self, origin: Origin, address: str) -> None:
        self.asked.append((origin, address))
        if not self.opened:
            raise CredentialScope("not there")


@pytest.fixture(params=["http", "https"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[FakeServer, ssl.SSLContext]]:
    theirs, ca = loopback_identity(tmp_path, "127.0.0.1")
    ours = ssl.create_default_context(cadata=ca)
    with FakeServer(tls=theirs if request.param == "https" else None) as running:
        running.on("/x", Reply(200))
        yield running, ours


def get(server: tuple[FakeServer, ssl.SSLContext], gate: Gate, times: int = 1) -> None:
    running, context = server
    with requests.Session() as session:
        session.trust_env = False
        session.mount(running.url, CheckedAdapter(gate, context))
        for _ in range(times):
            session.get(f"{running.url}/x", timeout=10)


def test_who_is_connected_is_asked_about_once(server: tuple[FakeServer, ssl.SSLContext]) -> None:
    running, gate = server[0], Gate(opened=True)
    get(server, gate)
    scheme, _, netloc = running.url.partition("://")
    assert gate.asked == [(Origin(scheme, "127.0.0.1", int(netloc.rpartition(":")[2])), "127.0.0.1")]
    assert len(running.seen) == 1


def test_who_is_not_admitted_gets_no_request(server: tuple[FakeServer, ssl.SSLContext]) -> None:
    gate = Gate(opened=False)
    with pytest.raises(CredentialScope):
        get(server, gate)
    assert len(gate.asked) == 1
    assert server[0].seen == []
