# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Asking a registry as one who writes: logins, where it leads us, and what it refuses."""

from collections.abc import Iterator

import pytest

from appctld.errors import (
    CredentialScope,
    NotFound,
    RegistryAuth,
    RegistryUnavailable,
)
from appctld.model.jsonvalue import JsonObject
from appctld.workers.export.destination import opened
from support.servers.fake_registry import FakeServer, Reply
from support.servers.pushing import LOGIN, UPLOADS, inspect
from support.servers.registry import Registry
from support.workers.leaving import LAYER, blob_of, leave, put, registry

pytestmark = pytest.mark.usefixtures("quick")


# --- logins ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with Registry(tmp_path_factory.mktemp("private"), users={"alice": "secret"}) as running:
        yield running


def test_a_registry_that_wants_a_login_gets_it(private: Registry) -> None:
    with opened(registry(private.url, credential=LOGIN)) as destination:
        leave(destination, destination.tag)
    assert inspect(private.host, "demo/plain:1", "--creds=alice:secret")


@pytest.mark.parametrize("credential", [None, {"username": "alice", "password": "wrong"}])
def test_without_the_right_login_it_is_refused(private: Registry, credential: JsonObject | None) -> None:
    with pytest.raises(RegistryAuth), opened(registry(private.url, credential=credential)) as destination:
        leave(destination, destination.tag)


def test_a_token_is_asked_for_writing_here_and_reading_where_is_mounted_from(fake: FakeServer) -> None:
    challenge = {"WWW-Authenticate": f'Bearer realm="{fake.url}/token",scope="repository:evil:push"'}
    fake.on("/token", Reply(body=b'{"token": "abc"}'))
    fake.on(f"/v2/demo/plain/blobs/{blob_of(LAYER).digest}", Reply(401, challenge), Reply(200))
    with opened(registry(fake.url, sources=["other/one"], credential=LOGIN)) as destination:
        assert destination.has(blob_of(LAYER))
    (asked,) = fake.asked("/token")
    assert asked.query == (
        "scope=repository%3Ademo%2Fplain%3Apull&scope=repository%3Ademo%2Fplain%3Apull%2Cpush"
        "&scope=repository%3Aother%2Fone%3Apull"
    )


def test_a_refresh_token_is_asked_with_all_scopes_in_one(fake: FakeServer) -> None:
    challenge = {"WWW-Authenticate": f'Bearer realm="{fake.url}/token"'}
    fake.on("/token", Reply(body=b'{"token": "abc"}'))
    fake.on(f"/v2/demo/plain/blobs/{blob_of(LAYER).digest}", Reply(401, challenge), Reply(200))
    with opened(registry(fake.url, credential={"identity_token": "t"})) as destination:
        assert destination.has(blob_of(LAYER))
    assert b"pull+repository%3Ademo%2Fplain%3Apull%2Cpush" in fake.asked("/token")[0].body


def test_a_token_that_ends_in_the_middle_is_asked_for_again(fake: FakeServer) -> None:
    challenge = {"WWW-Authenticate": f'Bearer realm="{fake.url}/token"'}
    fake.on("/token", Reply(body=b'{"token": "one"}'), Reply(body=b'{"token": "two"}'))
    fake.on(f"/v2/demo/plain/blobs/{blob_of(LAYER).digest}", Reply(401, challenge), Reply(404))
    fake.on(UPLOADS, Reply(401, challenge), Reply(202, {"Location": "/up"}))
    fake.on("/up", Reply(201))
    with opened(registry(fake.url)) as destination:
        put(destination, LAYER)
    assert fake.asked("/up")[0].headers["authorization"] == "Bearer two"


def test_a_registry_that_says_401_for_ever_is_asked_twice(fake: FakeServer) -> None:
    fake.on(UPLOADS, Reply(401, {"WWW-Authenticate": 'Basic realm="x"'}))
    with opened(registry(fake.url, credential=LOGIN)) as destination, pytest.raises(RegistryAuth):
        put(destination, LAYER)
    assert len(fake.asked(UPLOADS)) == 2


# --- where it leads us -----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["location", "redirect"])
def test_a_login_does_not_follow_to_another_host(fake: FakeServer, how: str) -> None:
    with FakeServer("127.0.0.2") as other:
        other.on("/up", Reply(201))
        fake.on(
            f"/v2/demo/plain/blobs/{blob_of(LAYER).digest}",
            Reply(401, {"WWW-Authenticate": "Basic"}),
            Reply(404),
        )
        fake.on(UPLOADS, Reply(202, {"Location": f"{other.url}/up" if how == "location" else "/here"}))
        fake.on("/here", Reply(307, {"Location": f"{other.url}/up"}))
        with opened(registry(fake.url, credential=LOGIN)) as destination:
            put(destination, LAYER)
        (request,) = other.seen
    assert (request.method, request.body) == ("PUT", LAYER)
    assert "authorization" not in request.headers
    assert "authorization" in fake.asked(UPLOADS)[0].headers


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_redirect_that_would_make_another_request_of_it_is_not_followed(
    fake: FakeServer, status: int
) -> None:
    fake.on(UPLOADS, Reply(status, {"Location": "/elsewhere"}))
    with opened(registry(fake.url)) as destination, pytest.raises(RegistryUnavailable):
        put(destination, LAYER)
    assert not fake.asked("/elsewhere")


def test_redirects_end(fake: FakeServer) -> None:
    fake.on(UPLOADS, Reply(307, {"Location": UPLOADS}))
    with opened(registry(fake.url)) as destination, pytest.raises(CredentialScope, match="redirects"):
        put(destination, LAYER)


@pytest.mark.parametrize("location", ["http://user:pass@127.0.0.1/up", "https://[", ""])
def test_an_address_that_cannot_be_read_is_not_asked(fake: FakeServer, location: str) -> None:
    fake.on(UPLOADS, Reply(202, {"Location": location} if location else {}))
    with opened(registry(fake.url)) as destination, pytest.raises((CredentialScope, RegistryUnavailable)):
        put(destination, LAYER)


def test_plain_http_is_for_this_machine() -> None:
    with opened(registry("http://192.0.2.1")) as destination, pytest.raises(CredentialScope):
        put(destination, LAYER)


# --- a registry that says no -----------------------------------------------------------------------------


def test_a_repository_that_is_not_there_is_not_found(fake: FakeServer) -> None:
    with opened(registry(fake.url)) as destination, pytest.raises(NotFound):
        put(destination, LAYER)


def test_why_it_does_not_take_it_is_said_in_its_words(fake: FakeServer) -> None:
    fake.on(UPLOADS, Reply(405, {}, b'{"errors": [{"code": "UNSUPPORTED", "message": "\\u001b[31m"}]}'))
    with (
        opened(registry(fake.url)) as destination,
        pytest.raises(RegistryUnavailable, match="UNSUPPORTED, HTTP 405"),
    ):
        put(destination, LAYER)


@pytest.mark.parametrize("body", [b"no json", b'{"errors": [{"code": "\\u001b"}]}', b"x" * (64 << 10)])
def test_words_that_are_none_are_not_repeated(fake: FakeServer, body: bytes) -> None:
    fake.on(UPLOADS, Reply(405, {}, body))
    with opened(registry(fake.url)) as destination, pytest.raises(RegistryUnavailable, match="it: HTTP 405"):
        put(destination, LAYER)


def test_of_an_explanation_without_an_end_no_more_is_read_than_one_has(fake: FakeServer) -> None:
    fake.on(UPLOADS, Reply(405, {}, b'{"errors": [{"code": "', endless=True))
    with opened(registry(fake.url)) as destination, pytest.raises(RegistryUnavailable, match="it: HTTP 405"):
        put(destination, LAYER)
