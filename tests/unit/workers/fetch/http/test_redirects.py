# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Redirects: where they may lead, and what they may not take along."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from appctld.errors import AppctlError, CredentialScope, RegistryUnavailable
from appctld.workers.fetch.endpoint import parse_endpoint
from appctld.workers.fetch.http.redirects import follow, next_hop
from appctld.workers.fetch.http.session import Session
from appctld.workers.net.address import Url
from support.servers.fake_registry import FakeServer, Reply, loopback_identity
from support.workers.fetching import endpoint

HERE = Url.parse("https://registry.example/v2/demo/blobs/x")


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running


def status(server: FakeServer, path: str = "/from") -> int:
    """The status at the end of the way that begins at `path`, with a credential on the way."""
    with (
        Session(parse_endpoint(endpoint(server.url))) as session,
        follow(session, Url.parse(f"{server.url}{path}"), {}, "Bearer secret") as answer,
    ):
        return answer.status


def sent(server: FakeServer, path: str) -> list[str]:
    """The Authorization that each request for `path` carried."""
    return [request.headers.get("authorization", "") for request in server.asked(path)]


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/elsewhere", "https://registry.example/elsewhere"),
        ("y?z=1", "https://registry.example/v2/demo/blobs/y?z=1"),
        ("//cdn.example/x", "https://cdn.example/x"),
        ("https://cdn.example/x?signature=s#f", "https://cdn.example/x?signature=s"),
    ],
)
def test_a_location_is_resolved(location: str, target: str) -> None:
    assert str(next_hop(HERE, location)) == target


@pytest.mark.parametrize(
    ("location", "leaf"),
    [
        ("http://registry.example/x", CredentialScope),
        ("http://127.0.0.1/x", CredentialScope),
        ("https://user:secret@registry.example/x", CredentialScope),
        ("//user@registry.example/x", CredentialScope),
        ("ftp://registry.example/x", RegistryUnavailable),
        ("file:///etc/passwd", RegistryUnavailable),
        ("https://registry.example/secret path", RegistryUnavailable),
        ("https://[/", RegistryUnavailable),
        ("/\x00", RegistryUnavailable),
    ],
)
def test_a_location_that_may_not_be_is_refused_without_its_text(
    location: str, leaf: type[AppctlError]
) -> None:
    with pytest.raises(leaf) as caught:
        next_hop(HERE, location)
    assert "secret" not in repr(caught.value.to_wire())


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_on_the_same_origin_the_credential_goes_along(server: FakeServer, code: int) -> None:
    server.on("/from", Reply(code, {"Location": "/to"}))
    server.on("/to", Reply(200))
    assert status(server) == 200
    assert sent(server, "/to") == ["Bearer secret"]


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2"])
def test_to_another_host_or_port_the_credential_does_not_go(server: FakeServer, address: str) -> None:
    with FakeServer(address) as other:
        server.on("/from", Reply(307, {"Location": f"{other.url}/to"}))
        other.on("/to", Reply(200))
        assert status(server) == 200
        assert sent(server, "/from") == ["Bearer secret"]
        assert sent(other, "/to") == [""]


def test_a_way_back_does_not_bring_the_credential_back(server: FakeServer) -> None:
    with FakeServer("127.0.0.2") as other:
        server.on("/from", Reply(307, {"Location": f"{other.url}/to"}))
        other.on("/to", Reply(307, {"Location": f"{server.url}/back"}))
        server.on("/back", Reply(200))
        assert status(server) == 200
        assert sent(server, "/back") == [""]


def test_to_another_scheme_the_credential_does_not_go(server: FakeServer, tmp_path: Path) -> None:
    context, ca = loopback_identity(tmp_path, "127.0.0.1")
    with FakeServer(tls=context) as secure:
        server.on("/from", Reply(307, {"Location": f"{secure.url}/to"}))
        secure.on("/to", Reply(200))
        with (
            Session(parse_endpoint(endpoint(server.url, ca=ca))) as session,
            follow(session, Url.parse(f"{server.url}/from"), {}, "Bearer secret") as answer,
        ):
            assert answer.status == 200
        assert sent(secure, "/to") == [""]


def test_from_https_to_http_nothing_goes(server: FakeServer, tmp_path: Path) -> None:
    context, ca = loopback_identity(tmp_path, "127.0.0.1")
    with FakeServer(tls=context) as secure:
        secure.on("/from", Reply(307, {"Location": f"{server.url}/to"}))
        with (
            Session(parse_endpoint(endpoint(secure.url, ca=ca))) as session,
            pytest.raises(CredentialScope, match="plain HTTP"),
        ):
            follow(session, Url.parse(f"{secure.url}/from"), {}, None)
    assert server.seen == []


def test_from_this_machine_plain_http_leads_nowhere_else(server: FakeServer) -> None:
    server.on("/from", Reply(307, {"Location": "http://registry.example/x"}))
    with pytest.raises(CredentialScope, match="plain HTTP"):
        status(server)


def test_five_hops_are_followed_and_six_are_not(server: FakeServer) -> None:
    for number in range(6):
        server.on(f"/{number}", Reply(302, {"Location": f"/{number + 1}"}))
    server.on("/6", Reply(200))
    assert status(server, "/1") == 200
    with pytest.raises(CredentialScope, match="more than 5"):
        status(server, "/0")
    assert len(server.asked("/6")) == 1


def test_the_endless_body_of_a_redirect_is_not_read(server: FakeServer) -> None:
    server.on("/from", Reply(302, {"Location": "/to"}, endless=True))
    server.on("/to", Reply(200))
    assert status(server) == 200


def test_a_redirect_without_a_location_leads_nowhere(server: FakeServer) -> None:
    server.on("/from", Reply(302))
    with pytest.raises(CredentialScope):  # it means the same address again
        status(server)
