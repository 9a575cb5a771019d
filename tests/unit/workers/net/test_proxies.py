# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Who is asked through which proxy, and what a proxy may answer."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from appctld.errors import InvalidReference, RegistryUnavailable
from appctld.model.jsonvalue import Json, JsonObject
from appctld.workers.net import proxies
from appctld.workers.net.address import Origin, Url
from appctld.workers.net.proxies import DIRECT, HEAD_BYTES, Proxies, Proxy, parse_proxies, tunnel
from support.servers.fake_registry import FakeServer, Reply
from support.servers.proxy import Proxy as Running

QUAY = Origin("https", "quay.io", 443)
HERE = Origin("http", "127.0.0.1", 3128)


def told(direct: str = "", **schemes: str) -> Proxies:
    words: list[Json] = [*direct.split()]
    members: JsonObject = {**schemes, "direct": words}
    return parse_proxies({"proxy": members})


def origin(url: str) -> Origin:
    return Url.parse(url).origin


def test_each_scheme_has_its_own() -> None:
    found = told(http="http://one:1", https="http://two:2")
    assert found.of(origin("http://quay.io")) == Proxy(Origin("http", "one", 1))
    assert found.of(QUAY) == Proxy(Origin("http", "two", 2))
    assert told(http="http://one:1").of(QUAY) is None


@pytest.mark.parametrize("request_", [{}, {"proxy": None}, {"proxy": {}}, {"proxy": {"direct": ["x"]}}])
def test_without_one_everything_is_asked_directly(request_: JsonObject) -> None:
    assert parse_proxies(request_).of(QUAY) is None
    assert DIRECT.of(QUAY) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://localhost",
        "https://127.0.0.1:5000",
        "http://127.1.2.3",
        "https://[::1]",
        "https://[::ffff:7f00:1]",
    ],
)
def test_this_machine_is_never_asked_through_a_proxy(url: str) -> None:
    assert told(http="http://one:1", https="http://one:1").of(origin(url)) is None


@pytest.mark.parametrize(
    ("words", "url"),
    [
        ("*", "https://quay.io"),
        ("quay.io", "https://quay.io"),
        ("QUAY.io", "https://quay.io:8443"),
        ("io", "https://quay.io"),
        (".corp", "https://registry.corp"),
        ("*.corp", "https://registry.inner.corp"),
        (".registry.corp", "https://registry.corp"),
        ("other quay.io", "https://quay.io"),
        ("quay.io:8443", "https://quay.io:8443"),
        ("10.0.0.0/8", "https://10.1.2.3"),
        ("10.1.2.3", "https://10.1.2.3:5000"),
        ("10.1.2.3:5000", "https://10.1.2.3:5000"),
        ("fd00::/8", "https://[fd00::1]"),
        ("[fd00::1]:5000", "https://[fd00::1]:5000"),
        ("2001:db8::1:5", "https://[2001:db8::1:5]"),
        ("2001:db8:0:0:0:0:0:1", "https://[2001:db8::1]"),
    ],
)
def test_what_is_asked_directly(words: str, url: str) -> None:
    assert told(words, https="http://one:1").of(origin(url)) is None


@pytest.mark.parametrize(
    ("words", "url"),
    [
        ("", "https://quay.io"),
        ("quay.io", "https://evilquay.io"),
        ("quay.io", "https://quay.io.evil.example"),
        ("quay.io:8443", "https://quay.io"),
        (".", "https://quay.io"),
        ("10.0.0.0/8", "https://11.1.2.3"),
        ("10.0.0.0/8", "https://quay.io"),
        ("3", "https://10.1.2.3"),
        ("10.1.2.3:5000", "https://10.1.2.3"),
        ("fd00::/8", "https://[fe80::1]"),
    ],
)
def test_what_is_not(words: str, url: str) -> None:
    assert told(words, https="http://one:1").of(origin(url)) is not None


@pytest.mark.parametrize(
    ("text", "host", "port", "login"),
    [
        ("http://proxy.corp:3128", "proxy.corp", 3128, ""),
        ("proxy.corp:3128/", "proxy.corp", 3128, ""),
        ("http://alice:secret@proxy.corp:3128", "proxy.corp", 3128, "alice:secret"),
        ("http://alice:p%40ss@proxy.corp:3128", "proxy.corp", 3128, "alice:p@ss"),
        ("http://alice:p@ss@[::1]:3128", "::1", 3128, "alice:p@ss"),
    ],
)
def test_how_a_proxy_is_written(text: str, host: str, port: int, login: str) -> None:
    assert told(https=text).of(QUAY) == Proxy(Origin("http", host, port), login)


@pytest.mark.parametrize(
    "text",
    [
        "https://alice:secret@proxy", "socks5://alice:secret@proxy", "http://alice:secret@", "http://alice@proxy:1",
        "http://alice:secret@proxy:1/path", "http://alice:se%0acret@proxy:1", "http://alice:secret@proxy:99999x",
        "http://alice:secret@pro xy",
    ],
)  # fmt: skip
def test_what_is_no_proxy_is_refused_and_its_login_is_not_shown(text: str) -> None:
    with pytest.raises(InvalidReference) as caught:
        told(https=text)
    assert "secret" not in repr(caught.value.to_wire())
    assert "alice" not in repr(caught.value.to_wire())


def test_a_login_has_no_repr() -> None:
    assert "secret" not in repr(told(https="http://alice:secret@proxy:1"))


# --- the way through


def test_a_server_is_reached_through_a_proxy_with_its_login() -> None:
    with (
        FakeServer() as server,
        Running({"quay.io:443": ("127.0.0.1", server.port)}, "alice:secret") as proxy,
    ):
        server.on("/x", Reply(body=b"hello"))
        given = Proxy(origin(proxy.url), "alice:secret")
        with tunnel(given, QUAY) as connection:
            connection.sendall(b"GET /x HTTP/1.0\r\nHost: quay.io\r\n\r\n")
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answer.endswith(b"hello")
        assert proxy.asked == ["quay.io:443"]
        assert "secret" not in repr(server.seen)


def test_an_address_of_six_has_its_brackets() -> None:
    with Running({}) as proxy, pytest.raises(RegistryUnavailable):
        tunnel(Proxy(origin(proxy.url)), Origin("https", "2001:db8::1", 443))
    assert proxy.asked == ["[2001:db8::1]:443"]


@pytest.mark.parametrize(("login", "status"), [("alice:other", 407), ("", 407), ("alice:secret", 502)])
def test_a_proxy_that_refuses_is_named_and_its_login_is_not(login: str, status: int) -> None:
    with Running({}, "alice:secret") as proxy, pytest.raises(RegistryUnavailable) as caught:
        tunnel(Proxy(origin(proxy.url), login), QUAY)
    assert caught.value.message == f"proxy {proxy.host} refuses quay.io (HTTP {status})"
    assert "alice" not in repr(caught.value.to_wire())


def test_a_proxy_that_is_not_there_is_named() -> None:
    with pytest.raises(RegistryUnavailable, match=r"proxy 127\.0\.0\.1:1 refuses connections"):
        tunnel(Proxy(Origin("http", "127.0.0.1", 1), "alice:secret"), QUAY)


@contextmanager
def saying(answer: Callable[[socket.socket], None]) -> Iterator[Proxy]:
    """A proxy that says something to whoever comes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            client, _ = server.accept()
            with client:
                client.recv(65536)
                answer(client)

        thread = threading.Thread(target=serve)
        thread.start()
        yield Proxy(Origin("http", "127.0.0.1", server.getsockname()[1]))
        thread.join()


@pytest.mark.parametrize(
    "data",
    [
        b"", b"HTTP/1.1 200", b"HTTP/2 200\r\n\r\n", b"SSH-2.0\r\n\r\n", b"HTTP/1.1 2000\r\n\r\n",
        b"HTTP/1.1 200 OK\n\n", b" HTTP/1.1 200 OK\r\n\r\n",
    ],
)  # fmt: skip
def test_what_is_no_answer_opens_nothing(data: bytes) -> None:
    with (
        saying(lambda client: client.sendall(data)) as proxy,
        pytest.raises(RegistryUnavailable, match="no answer"),
    ):
        tunnel(proxy, QUAY)


def test_an_answer_has_a_size() -> None:
    def long(client: socket.socket) -> None:
        client.sendall(b"HTTP/1.1 200 OK\r\nX: " + b"x" * (HEAD_BYTES - 30) + b"\r\n\r\n")

    def longer(client: socket.socket) -> None:
        try:
            client.sendall(b"HTTP/1.1 200 OK\r\nX: " + b"x" * HEAD_BYTES + b"\r\n\r\n")
        except OSError:
            return

    with saying(long) as proxy:
        tunnel(proxy, QUAY).close()
    with saying(longer) as proxy, pytest.raises(RegistryUnavailable, match="no answer"):
        tunnel(proxy, QUAY)


def test_a_proxy_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxies, "ANSWER_SECONDS", 0.1)
    end = threading.Event()
    with saying(lambda _client: (end.wait(20), None)[1]) as proxy:
        with pytest.raises(RegistryUnavailable, match=r"proxy .* does not answer"):
            tunnel(proxy, QUAY)
        end.set()


def test_what_follows_an_answer_is_the_servers() -> None:
    with (
        saying(lambda client: client.sendall(b"HTTP/1.0 200 OK\r\n\r\nhello")) as proxy,
        tunnel(proxy, QUAY) as connection,
    ):
        assert connection.recv(5) == b"hello"
