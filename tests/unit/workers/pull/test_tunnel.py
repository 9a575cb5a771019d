# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The proxy of libostree: whom it connects, whom it refuses, and what it passes on."""

import base64
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from appctld.errors import AppctlError, CredentialScope, RegistryUnavailable
from appctld.workers.net.address import Origin
from appctld.workers.net.peers import Peers
from appctld.workers.net.proxies import Proxies
from appctld.workers.net.proxies import Proxy as Behind
from appctld.workers.pull import tunnel as tunnel_module
from appctld.workers.pull.tunnel import Tunnel
from support.servers.fake_registry import FakeServer, Reply
from support.servers.loopback import refusing
from support.servers.proxy import Proxy

REMOTE = Origin("https", "ostree.example", 443)
PUBLIC = "8.8.8.8"
LATE = 60.0  # seconds after which a test hangs


class Elsewhere(socket.socket):
    """A connection that says it leads to another machine."""

    def getpeername(self) -> tuple[str, int]:
        return ("10.0.0.1", 80)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        running.on("/x", Reply(200, {}, b"hello"))
        yield running


def ask(tunnel: Tunnel, request: str, *, password: str | None = None) -> bytes:
    """What the proxy answers to a head, until it closes."""
    port = int(tunnel.proxy.rsplit(":", 1)[1])
    word = base64.b64encode(f"appctl:{tunnel.password if password is None else password}".encode()).decode()
    with socket.create_connection(("127.0.0.1", port), LATE) as connection:
        connection.sendall(f"{request} HTTP/1.1\r\nProxy-Authorization: Basic {word}\r\n\r\n".encode())
        return b"".join(iter(lambda: connection.recv(65536), b""))


def plain(server: FakeServer) -> Origin:
    return Origin("http", "127.0.0.1", server.port)


def test_a_request_is_passed_on_without_the_password(server: FakeServer) -> None:
    with Tunnel(plain(server)) as tunnel:
        answer = ask(tunnel, f"GET {server.url}/x?y=z")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\nConnection: close\r\n")
    assert answer.endswith(b"\r\n\r\nhello")
    assert (server.seen[0].path, server.seen[0].query) == ("/x", "y=z")
    assert "proxy-authorization" not in server.seen[0].headers
    assert server.seen[0].headers["connection"] == "close"
    assert tunnel.received > len(b"hello")


@pytest.mark.parametrize("how", ["GET {url}/x", "CONNECT {host}"])
@pytest.mark.parametrize("password", ["", "guess"])
def test_who_does_not_know_the_password_gets_nothing(server: FakeServer, how: str, password: str) -> None:
    with Tunnel(plain(server)) as tunnel:
        request = how.format(url=server.url, host=server.host)
        assert ask(tunnel, request, password=password).startswith(b"HTTP/1.1 407 ")
    assert server.seen == []
    assert tunnel.failure is None


def test_what_is_no_request_gets_nothing(server: FakeServer) -> None:
    with Tunnel(plain(server)) as tunnel:
        assert b" 407 " in ask(tunnel, "rubbish")


def test_a_connection_is_made_and_tunnelled(server: FakeServer) -> None:
    with Tunnel(REMOTE, Peers(REMOTE, insecure=False, probe=lambda _: "127.0.0.1")) as tunnel:
        port = int(tunnel.proxy.rsplit(":", 1)[1])
        word = base64.b64encode(f"appctl:{tunnel.password}".encode()).decode()
        with socket.create_connection(("127.0.0.1", port), LATE) as connection:
            connection.sendall(
                f"CONNECT {server.host} HTTP/1.1\r\nProxy-Authorization: Basic {word}\r\n\r\n".encode()
            )
            assert connection.recv(100) == b"HTTP/1.1 200 Connection established\r\n\r\n"
            connection.sendall(b"GET /x HTTP/1.0\r\n\r\n")
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.endswith(b"hello")


def test_a_repository_on_the_internet_cannot_send_us_inside(server: FakeServer) -> None:
    with Tunnel(REMOTE, Peers(REMOTE, insecure=False, probe=lambda _: PUBLIC)) as tunnel:
        assert ask(tunnel, f"CONNECT {server.host}").startswith(b"HTTP/1.1 403 ")
    assert isinstance(tunnel.failure, CredentialScope)
    assert server.seen == []


def through(server: FakeServer, proxy: Proxy, target: str) -> tuple[bytes, AppctlError | None]:
    """What comes of asking for a target, of a repository on the Internet, through the proxy behind."""
    proxy.leads = {"8.8.8.8:443": ("127.0.0.1", server.port)}
    behind = Proxies((("https", Behind(Origin("http", "127.0.0.1", proxy.port))),))
    registry = Origin("https", PUBLIC, 443)
    with Tunnel(registry, Peers(registry, insecure=False, proxies=behind)) as tunnel:
        port = int(tunnel.proxy.rsplit(":", 1)[1])
        word = base64.b64encode(f"appctl:{tunnel.password}".encode()).decode()
        with socket.create_connection(("127.0.0.1", port), LATE) as connection:
            connection.sendall(
                f"CONNECT {target} HTTP/1.1\r\nProxy-Authorization: Basic {word}\r\n\r\n".encode()
            )
            answer = connection.recv(100)
            if b" 200 " in answer:
                connection.sendall(b"GET /x HTTP/1.0\r\n\r\n")
            answer += b"".join(iter(lambda: connection.recv(65536), b""))
    return answer, tunnel.failure


def test_a_proxy_behind_is_asked_for_the_repository(server: FakeServer) -> None:
    with Proxy({}) as proxy:
        answer, failure = through(server, proxy, "8.8.8.8:443")
        assert (answer.endswith(b"hello"), failure, proxy.asked) == (True, None, ["8.8.8.8:443"])
    assert "proxy-authorization" not in server.seen[0].headers


def test_a_proxy_behind_is_not_asked_for_what_is_inside(server: FakeServer) -> None:
    with Proxy({}) as proxy:
        answer, failure = through(server, proxy, "10.0.0.1:443")
        assert (answer.startswith(b"HTTP/1.1 403 "), proxy.asked) == (True, [])
    assert isinstance(failure, CredentialScope)


def test_a_proxy_behind_that_refuses_is_told(server: FakeServer) -> None:
    with Proxy({}) as proxy:
        _, failure = through(server, proxy, "8.8.4.4:443")
        assert str(failure) == f"proxy {proxy.host} refuses 8.8.4.4 (HTTP 502)"


def test_an_https_repository_cannot_send_us_to_plain_http(server: FakeServer) -> None:
    with Tunnel(REMOTE, Peers(REMOTE, insecure=False, probe=lambda _: "127.0.0.1")) as tunnel:
        assert ask(tunnel, f"GET {server.url}/x").startswith(b"HTTP/1.1 403 ")
    assert isinstance(tunnel.failure, CredentialScope)
    assert server.seen == []


def test_plain_http_stays_on_this_machine_wherever_a_name_leads(server: FakeServer) -> None:
    def elsewhere(_origin: Origin) -> socket.socket:
        connection = Elsewhere()
        connection.connect(("127.0.0.1", server.port))
        return connection

    with Tunnel(plain(server), connecting=elsewhere) as tunnel:
        assert ask(tunnel, f"GET {server.url}/x").startswith(b"HTTP/1.1 403 ")
    assert isinstance(tunnel.failure, CredentialScope)
    assert server.seen == []


def test_nobody_there_is_said_so_once() -> None:
    with refusing() as port, Tunnel(REMOTE) as tunnel:
        assert b" 403 " in ask(tunnel, f"CONNECT 127.0.0.1:{port}")
        assert b" 403 " in ask(tunnel, "CONNECT user@127.0.0.1:1")
    assert isinstance(tunnel.failure, RegistryUnavailable)
    assert "refuses connections" in tunnel.failure.message


def test_an_address_that_cannot_be_read_is_not_asked() -> None:
    with Tunnel(REMOTE) as tunnel:
        assert b" 403 " in ask(tunnel, "CONNECT user@127.0.0.1:443")
    assert isinstance(tunnel.failure, RegistryUnavailable)


def test_there_are_so_many_connections_at_once_and_no_more(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tunnel_module, "CONNECTIONS", 0)
    with Tunnel(plain(server)) as tunnel:
        port = int(tunnel.proxy.rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port), LATE) as connection:
            assert connection.recv(1) == b""


def test_nothing_stays_open_when_the_pull_is_over(server: FakeServer) -> None:
    server.on("/x", Reply(200, {}, b"half", stall=True))
    with Tunnel(plain(server)) as tunnel:
        port = int(tunnel.proxy.rsplit(":", 1)[1])
        word = base64.b64encode(f"appctl:{tunnel.password}".encode()).decode()
        connection = socket.create_connection(("127.0.0.1", port), LATE)
        connection.sendall(
            f"GET {server.url}/x HTTP/1.1\r\nProxy-Authorization: Basic {word}\r\n\r\n".encode()
        )
        assert connection.recv(10)
    with connection:
        while connection.recv(65536):
            pass


def test_no_connection_begins_when_the_pull_is_over(server: FakeServer) -> None:
    with Tunnel(plain(server)) as tunnel, socket.socket() as connection:
        tunnel.cut()
        with pytest.raises(OSError, match="over"), tunnel._kept(connection):
            raise AssertionError


def test_nobody_accepts_once_the_pull_is_over(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of the descriptor that is closed then may be somebody else's a moment later."""
    accept = Tunnel._accept

    def late(self: Tunnel) -> None:
        accept(self)
        time.sleep(0.1)

    monkeypatch.setattr(Tunnel, "_accept", late)
    with Tunnel(plain(server)) as tunnel:
        pass
    assert not tunnel._thread.is_alive()


def test_a_server_that_closes_without_an_answer_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        origin = Origin("http", "127.0.0.1", mute.getsockname()[1])

        def close() -> None:
            connection, _ = mute.accept()
            connection.recv(1 << 16)
            connection.close()

        closing = threading.Thread(target=close)
        closing.start()
        with Tunnel(origin) as tunnel:
            assert ask(tunnel, f"GET http://127.0.0.1:{origin.port}/x") == b""
        closing.join()
