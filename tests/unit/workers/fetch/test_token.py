# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Tokens: whom we ask for them, with what, and what we take for one."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from appctld.errors import AppctlError, CredentialScope, RateLimited, RegistryAuth, RegistryUnavailable
from appctld.model.jsonvalue import Json, JsonObject
from appctld.model.manifest import OCI_MANIFEST
from appctld.workers.fetch.endpoint import parse_endpoint
from appctld.workers.fetch.http import session as session_module
from appctld.workers.fetch.token import TOKEN_BYTES, check_realm
from appctld.workers.net.address import Url
from support.servers.fake_registry import FakeServer, Reply, Seen, loopback_identity
from support.workers.fetching import endpoint, resolve

MANIFEST = "/v2/demo/plain/manifests/1"
DOCUMENT = Reply(200, {"Content-Type": OCI_MANIFEST}, b"{}")
LOGIN: JsonObject = {"username": "user", "password": "pä:ss"}
IDENTITY: JsonObject = {"identity_token": "refresh"}
BASIC = "Basic " + base64.b64encode("user:pä:ss".encode()).decode()


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "sleep", lambda _: None)


@pytest.fixture
def registry() -> Iterator[FakeServer]:
    """A registry that wants a token from /token on its own origin, and then serves one document."""
    with FakeServer() as server:
        server.on(MANIFEST, bearer(f"{server.url}/token"), DOCUMENT)
        server.on("/token", tokens("token", "abc.def"))
        yield server


def bearer(realm: str, more: str = "") -> Reply:
    return Reply(401, {"WWW-Authenticate": f'Bearer realm="{realm}",service="a registry"{more}'})


def tokens(name: str, value: str) -> Reply:
    return Reply(200, {"Content-Type": "application/json"}, json.dumps({name: value}).encode())


def scope(request: Seen) -> list[str]:
    return parse_qs(request.query or request.body.decode())["scope"]


def refused(registry: FakeServer, leaf: type[AppctlError], **changes: Json) -> AppctlError:
    with pytest.raises(leaf) as caught:
        resolve(endpoint(registry.url, **changes))
    return caught.value


def test_an_anonymous_token_is_fetched_and_used(registry: FakeServer) -> None:
    resolve(endpoint(registry.url))
    (asked,) = registry.asked("/token")
    assert parse_qs(asked.query) == {"service": ["a registry"], "scope": ["repository:demo/plain:pull"]}
    assert "authorization" not in asked.headers
    assert [request.headers.get("authorization") for request in registry.asked(MANIFEST)] == [
        None,
        "Bearer abc.def",
    ]


@pytest.mark.parametrize("name", ["token", "access_token"])
def test_both_names_of_a_token_are_read(registry: FakeServer, name: str) -> None:
    registry.on("/token", tokens(name, "other"))
    resolve(endpoint(registry.url))
    assert registry.asked(MANIFEST)[1].headers["authorization"] == "Bearer other"


def test_a_login_goes_to_the_token_server_as_basic_and_never_to_the_registry(registry: FakeServer) -> None:
    resolve(endpoint(registry.url, credential=LOGIN))
    assert registry.asked("/token")[0].headers["authorization"] == BASIC
    assert [request.headers.get("authorization") for request in registry.asked(MANIFEST)] == [
        None,
        "Bearer abc.def",
    ]


def test_an_identity_token_is_refreshed_by_a_post(registry: FakeServer) -> None:
    resolve(endpoint(registry.url, credential={"identity_token": "refresh&me"}))
    (asked,) = registry.asked("/token")
    assert (asked.method, asked.query) == ("POST", "")
    assert parse_qs(asked.body.decode()) == {
        "grant_type": ["refresh_token"],
        "client_id": ["appctl"],
        "refresh_token": ["refresh&me"],
        "service": ["a registry"],
        "scope": ["repository:demo/plain:pull"],
    }


@pytest.mark.parametrize("credential", [None, LOGIN, IDENTITY])
def test_the_scope_is_ours_whatever_the_challenge_asks_for(registry: FakeServer, credential: Json) -> None:
    wide = ',scope="repository:other/thing:push,delete registry:catalog:*"'
    registry.on(MANIFEST, bearer(f"{registry.url}/token", wide), DOCUMENT)
    resolve(endpoint(registry.url, credential=credential))
    assert scope(registry.asked("/token")[0]) == ["repository:demo/plain:pull"]


def test_a_query_of_the_realm_stays(registry: FakeServer) -> None:
    registry.on(MANIFEST, bearer(f"{registry.url}/token?account=x"), DOCUMENT)
    resolve(endpoint(registry.url))
    assert parse_qs(registry.asked("/token")[0].query)["account"] == ["x"]


@pytest.mark.parametrize("query", ["scope=a", "x=y&SCOPE", "x=y;scope=a", "%73cope=a", "service=a"])
def test_a_query_of_the_realm_does_not_say_what_we_ask_for(registry: FakeServer, query: str) -> None:
    registry.on(MANIFEST, bearer(f"{registry.url}/token?{query}"))
    refused(registry, CredentialScope)
    assert registry.asked("/token") == []


def test_a_token_server_elsewhere_is_not_asked(registry: FakeServer) -> None:
    with FakeServer("127.0.0.2") as other:
        registry.on(MANIFEST, bearer(f"{other.url}/token"))
        for credential in (None, LOGIN, IDENTITY):
            error = refused(registry, CredentialScope, credential=credential)
            assert "127.0.0.2" in error.message
        assert other.seen == []


def test_a_token_server_elsewhere_that_the_remote_names_is_asked(registry: FakeServer) -> None:
    with FakeServer("127.0.0.2") as other:
        registry.on(MANIFEST, bearer(f"{other.url}/token"), DOCUMENT)
        other.on("/token", tokens("token", "elsewhere"))
        resolve(endpoint(registry.url, credential=LOGIN, auth_realm=f"{other.url}/token"))
        assert other.seen[0].headers["authorization"] == BASIC


REGISTRY, AUTH = "https://registry.example", "https://auth.example/token"


@pytest.mark.parametrize(
    ("registry_url", "realm", "named"),
    [
        (REGISTRY, "https://registry.example/token", None),
        (REGISTRY, "https://registry.example:8443/token", None),
        (REGISTRY, AUTH, AUTH),
        (REGISTRY, f"{AUTH}?account=x", AUTH),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5001/token", None),
        ("http://127.0.0.1:5000", AUTH, AUTH),
    ],
)
def test_a_realm_that_may_be_asked(registry_url: str, realm: str, named: str | None) -> None:
    check_realm(Url.parse(realm), parse_endpoint(endpoint(registry_url, auth_realm=named)))


@pytest.mark.parametrize(
    ("registry_url", "realm", "named"),
    [
        (REGISTRY, "http://registry.example/token", None),
        (REGISTRY, "http://auth.example/token", "http://auth.example/token"),
        (REGISTRY, AUTH, None),
        (REGISTRY, "https://auth.registry.example/token", None),
        (REGISTRY, "https://registry.example.evil.example/token", None),
        (REGISTRY, "https://auth.example:8443/token", AUTH),
        (REGISTRY, "https://auth.example/other", AUTH),
        (REGISTRY, "http://auth.example/token", AUTH),
        ("http://127.0.0.1:5000", "http://127.0.0.2:5000/token", None),
        ("http://127.0.0.1:5000", "http://auth.example/token", AUTH),
        ("https://docker.io", "https://auth.docker.io.evil.example/token", None),
    ],
)
def test_a_realm_that_may_not_be_asked(registry_url: str, realm: str, named: str | None) -> None:
    with pytest.raises(CredentialScope):
        check_realm(Url.parse(realm), parse_endpoint(endpoint(registry_url, auth_realm=named)))


@pytest.mark.parametrize("realm", ["", "token", "https://user:pw@127.0.0.1/token", "file:///etc/passwd"])
def test_a_realm_that_is_no_address_is_not_asked(registry: FakeServer, realm: str) -> None:
    registry.on(MANIFEST, bearer(realm))
    refused(registry, CredentialScope, credential=LOGIN)


def test_an_https_registry_does_not_get_a_token_over_http(registry: FakeServer, tmp_path: Path) -> None:
    context, ca = loopback_identity(tmp_path, "127.0.0.1")
    with FakeServer(tls=context) as secure:
        secure.on(MANIFEST, bearer(f"{registry.url}/token"))
        refused(
            secure,
            CredentialScope,
            ca=ca,
            credential=LOGIN,
            auth_realm=f"{registry.url}/token",
            insecure=True,
        )
    assert registry.seen == []


@pytest.mark.parametrize("credential", [LOGIN, IDENTITY])
def test_a_token_server_does_not_redirect(registry: FakeServer, credential: Json) -> None:
    with FakeServer("127.0.0.2") as other:
        for target in (f"{other.url}/token", "/elsewhere"):
            registry.on(MANIFEST, bearer(f"{registry.url}/token"))
            registry.on("/token", Reply(307, {"Location": target}))
            refused(registry, CredentialScope, credential=credential)
        assert other.seen == []
        assert registry.asked("/elsewhere") == []


def test_401_for_ever_is_asked_twice(registry: FakeServer) -> None:
    registry.on(MANIFEST, bearer(f"{registry.url}/token"))
    error = refused(registry, RegistryAuth)
    assert len(registry.asked(MANIFEST)) == 2
    assert len(registry.asked("/token")) == 1
    assert error.message.endswith("refuses demo/plain: not found, or a login is needed (HTTP 401)")
    assert error.data["host"] == registry.host


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_token_server_that_says_no_is_a_login_that_failed(registry: FakeServer, status: int) -> None:
    registry.on("/token", Reply(status))
    error = refused(registry, RegistryAuth, credential=LOGIN)
    assert f"does not take this login (HTTP {status})" in error.message


def test_a_token_server_in_trouble_is_no_login_prompt(registry: FakeServer) -> None:
    registry.on("/token", Reply(503))
    refused(registry, RegistryUnavailable)
    registry.on(MANIFEST, bearer(f"{registry.url}/token"))
    registry.on("/token", Reply(429, {"Retry-After": "100"}))
    assert refused(registry, RateLimited).data["retry_after"] == 100


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, {}, b"no json"),
        Reply(200, {}, b"{}"),
        Reply(200, {}, b'{"token": 5}'),
        Reply(200, {}, b'{"token": "a", "token": "b"}'),
        tokens("token", "a\r\nX-Injected: yes"),
        tokens("token", "with space"),
        tokens("token", "ünicode"),
    ],
)
def test_what_is_no_token_is_not_used(registry: FakeServer, reply: Reply) -> None:
    registry.on("/token", reply)
    refused(registry, RegistryUnavailable)
    assert len(registry.asked(MANIFEST)) == 1


def test_a_token_without_end_is_not_read(registry: FakeServer) -> None:
    registry.on("/token", Reply(200, {}, b'{"token": "', endless=True))
    error = refused(registry, AppctlError)
    assert error.name == "LimitExceeded"
    assert error.data["limit"] == TOKEN_BYTES


def test_a_challenge_of_another_host_is_not_answered(registry: FakeServer) -> None:
    with FakeServer("127.0.0.2") as other:
        registry.on(MANIFEST, Reply(307, {"Location": f"{other.url}/x"}))
        other.on("/x", Reply(401, {"WWW-Authenticate": "Basic realm=x"}), DOCUMENT)
        refused(registry, RegistryAuth, credential=LOGIN)
        assert [request.headers.get("authorization") for request in other.seen] == [None]


def test_basic_is_answered_with_the_login_and_with_nothing_else(registry: FakeServer) -> None:
    registry.on(MANIFEST, Reply(401, {"WWW-Authenticate": "Basic realm=x"}), DOCUMENT)
    resolve(endpoint(registry.url, credential=LOGIN))
    assert registry.asked(MANIFEST)[1].headers["authorization"] == BASIC
    for credential in (None, IDENTITY):
        registry.on(MANIFEST, Reply(401, {"WWW-Authenticate": "Basic realm=x"}))
        refused(registry, RegistryAuth, credential=credential)


@pytest.mark.parametrize("challenge", ["", "Negotiate", 'Bearer realm="https://open', "Digest realm=x"])
def test_a_challenge_that_we_cannot_answer_needs_a_login(registry: FakeServer, challenge: str) -> None:
    registry.on(MANIFEST, Reply(401, {"WWW-Authenticate": challenge}))
    refused(registry, RegistryAuth, credential=LOGIN)
    assert len(registry.asked(MANIFEST)) == 1


def test_no_error_tells_a_secret(registry: FakeServer) -> None:
    hostile = [
        Reply(500),
        Reply(307, {"Location": "http://user:top-secret@127.0.0.2/"}),
        tokens("token", "top secret"),
        Reply(200, {}, b'{"token": "top-secret'),
    ]
    credentials: list[JsonObject] = [
        {"username": "u", "password": "top-secret"},
        {"identity_token": "top-secret"},
    ]
    for reply in hostile:
        for credential in credentials:
            registry.on(MANIFEST, bearer(f"{registry.url}/token?key=top-secret"))
            registry.on("/token", reply)
            error = refused(registry, AppctlError, credential=credential)
            assert "secret" not in repr(error.to_wire())
