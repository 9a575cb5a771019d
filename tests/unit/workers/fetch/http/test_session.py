# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The session: believes no environment, keeps no cookie, verifies TLS, tries again with patience."""

import inspect
import logging
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests.adapters

from appctld.errors import AppctlError, CredentialScope, RateLimited, RegistryUnavailable, TlsUntrusted
from appctld.model.jsonvalue import Json
from appctld.workers.fetch.endpoint import parse_endpoint
from appctld.workers.fetch.http import session as session_module
from appctld.workers.fetch.http.session import Session
from appctld.workers.net import authorities
from appctld.workers.net.address import Url
from support.servers.fake_registry import FakeServer, Reply, loopback_identity
from support.servers.loopback import refusing
from support.workers.fetching import endpoint


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, none of which took any time."""
    pauses: list[float] = []
    monkeypatch.setattr(session_module, "sleep", pauses.append)
    return pauses


def status(url: str, **changes: Json) -> int:
    """The status that GET `url`/x ends with, at a registry of that address."""
    with (
        Session(parse_endpoint(endpoint(url, **changes))) as session,
        session.get(Url.parse(f"{url}/x"), {}) as answer,
    ):
        return answer.status


@pytest.mark.parametrize("busy", [429, 502, 503, 504])
def test_a_busy_server_is_asked_again(server: FakeServer, slept: list[float], busy: int) -> None:
    server.on("/x", Reply(busy), Reply(busy), Reply(200))
    assert status(server.url) == 200
    assert slept == [0, 1.0]


def test_it_is_asked_four_times_and_no_more(server: FakeServer, slept: list[float]) -> None:
    server.on("/x", Reply(503))
    assert status(server.url) == 503
    assert len(server.seen) == 4
    assert len(slept) == 3


def test_other_errors_are_final(server: FakeServer, slept: list[float]) -> None:
    for code in (400, 401, 403, 404, 500, 501):
        server.on("/x", Reply(code))
        assert status(server.url) == code
    assert len(server.seen) == 6


def test_retry_after_is_obeyed(server: FakeServer, slept: list[float]) -> None:
    server.on(
        "/x",
        Reply(429, {"Retry-After": "17"}),
        Reply(503, {"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}),
        Reply(429, {"Retry-After": "rubbish"}),
        Reply(200),
    )
    assert status(server.url) == 200
    assert slept == [17, 0, 2.0]


def test_a_long_retry_after_is_the_callers_to_wait(server: FakeServer, slept: list[float]) -> None:
    server.on("/x", Reply(429, {"Retry-After": "3600"}))
    with (
        Session(parse_endpoint(endpoint(server.url))) as session,
        session.get(Url.parse(f"{server.url}/x"), {}) as answer,
    ):
        error: AppctlError = answer.unwanted()
    assert isinstance(error, RateLimited)
    assert error.data["retry_after"] == 3600
    assert (len(server.seen), slept) == (1, [])


def test_the_endless_body_of_a_busy_server_is_not_read(server: FakeServer, slept: list[float]) -> None:
    server.on("/x", Reply(503, endless=True), Reply(200))
    assert status(server.url) == 200


def test_a_refused_connection_is_tried_again_and_then_named(slept: list[float]) -> None:
    with (
        refusing() as port,
        pytest.raises(RegistryUnavailable, match=f"127.0.0.1:{port} refuses connections"),
    ):
        status(f"http://127.0.0.1:{port}")
    assert slept == [0, 1.0, 2.0]


def test_silence_is_given_up(server: FakeServer, slept: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "READ_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with pytest.raises(RegistryUnavailable, match="does not answer"):
            status(f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert len(slept) == 3


def test_a_post_is_sent_once(server: FakeServer, slept: list[float]) -> None:
    server.on("/token", Reply(503))
    with (
        Session(parse_endpoint(endpoint(server.url))) as session,
        session.post(Url.parse(f"{server.url}/token"), {"a": "b"}) as answer,
    ):
        assert answer.status == 503
    assert [request.body for request in server.seen] == [b"a=b"]


def test_a_post_that_reaches_nobody_is_an_error(slept: list[float]) -> None:
    with refusing() as port:
        url = f"http://127.0.0.1:{port}"
        with Session(parse_endpoint(endpoint(url))) as session, pytest.raises(RegistryUnavailable):
            session.post(Url.parse(f"{url}/token"), {})
    assert slept == []


def test_nothing_comes_from_the_environment(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("default login somebody password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    server.on("/x", Reply(200))
    assert status(server.url) == 200
    assert "authorization" not in server.seen[0].headers


def test_a_cookie_is_not_kept(server: FakeServer) -> None:
    server.on("/x", Reply(200, {"Set-Cookie": "who=you; Path=/"}))
    with Session(parse_endpoint(endpoint(server.url))) as session:
        for _ in range(2):
            session.get(Url.parse(f"{server.url}/x"), {}).close()
    assert ["cookie" in request.headers for request in server.seen] == [False, False]


def test_no_library_logs_an_address(server: FakeServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server.on("/x", Reply(200, {"X": "y\r\nno header line, which urllib3 warns about"}))
    with Session(parse_endpoint(endpoint(server.url))) as session:
        session.get(Url.parse(f"{server.url}/x?signature=secret"), {}).close()
    assert len(server.seen) == 1
    assert caplog.records == []


def test_nothing_compressed_is_asked_for(server: FakeServer) -> None:
    server.on("/x", Reply(200))
    status(server.url)
    assert server.seen[0].headers["accept-encoding"] == "identity"


def test_plain_http_to_another_machine_is_not_even_connected() -> None:
    with pytest.raises(CredentialScope, match="plain HTTP"):
        status("http://registry.example")


def test_a_server_with_the_remotes_own_ca_is_believed(tmp_path: Path) -> None:
    context, ca = loopback_identity(tmp_path, "127.0.0.1")
    with FakeServer(tls=context) as server:
        server.on("/x", Reply(200))
        assert status(server.url, ca=ca) == 200


def test_a_server_without_a_known_ca_is_not(tmp_path: Path, slept: list[float]) -> None:
    context, _ = loopback_identity(tmp_path, "127.0.0.1")
    with FakeServer(tls=context) as server:
        with pytest.raises(TlsUntrusted, match="cannot prove who it is"):
            status(server.url)
        with pytest.raises(TlsUntrusted, match="cannot prove who it is"):
            status(server.url, insecure=True)  # plain HTTP is allowed then, a lie is not
        assert (server.seen, slept) == ([], [])  # nor does it become true by asking again


def test_a_certificate_for_another_host_is_not(tmp_path: Path) -> None:
    context, ca = loopback_identity(tmp_path, "registry.example")
    with (
        FakeServer(tls=context) as server,
        pytest.raises(TlsUntrusted, match=r"not valid for '127\.0\.0\.1'"),
    ):
        status(server.url, ca=ca)


def test_neither_a_library_nor_the_environment_adds_a_ca(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, ca = loopback_identity(tmp_path, "127.0.0.1")
    (tmp_path / "ca.pem").write_text(ca)
    monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", str(tmp_path / "ca.pem"))
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "ca.pem"))
    with FakeServer(tls=context) as server, pytest.raises(TlsUntrusted):
        status(server.url)


def test_the_distributions_bundle_is_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, ca = loopback_identity(tmp_path, "127.0.0.1")
    (tmp_path / "bundle.crt").write_text(ca)
    monkeypatch.setattr(authorities, "CA_BUNDLE", tmp_path / "bundle.crt")
    with FakeServer(tls=context) as server:
        server.on("/x", Reply(200))
        assert status(server.url) == 200


def test_what_is_believed_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, ca = loopback_identity(tmp_path, "127.0.0.1")
    bundle = tmp_path / "bundle.crt"
    bundle.write_text(ca)
    monkeypatch.setattr(authorities, "CA_BUNDLE", bundle)
    with FakeServer(tls=context) as server:
        server.on("/x", Reply(200))
        assert status(server.url) == 200
        bundle.unlink()
        assert status(server.url) == 200


def test_a_ca_is_not_remembered_for_who_gives_none(tmp_path: Path) -> None:
    context, ca = loopback_identity(tmp_path, "127.0.0.1")
    with FakeServer(tls=context) as server:
        server.on("/x", Reply(200))
        assert status(server.url, ca=ca) == 200
        with pytest.raises(TlsUntrusted):
            status(server.url)
        assert status(server.url, ca=ca) == 200


def test_a_ca_that_is_no_certificate_is_said_so() -> None:
    with pytest.raises(TlsUntrusted, match="no PEM"):
        status("https://127.0.0.1:1", ca="rubbish")


def test_who_fetches_has_no_way_to_write() -> None:
    """What writes is in another room, export, of which the fetcher imports nothing: the linter sees to it."""
    ours = {name for name in dir(Session) if not name.startswith("_")}
    assert ours == {"get", "post"}
    assert list(inspect.signature(Session.post).parameters) == ["self", "url", "form"], "a form, and no body"
    sources = Path(inspect.getfile(session_module)).parents[1].rglob("*.py")
    assert not [path for path in sources if re.search(r'"(PUT|PATCH|DELETE)"|:push|,push', path.read_text())]
