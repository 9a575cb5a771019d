# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The operation `index`: what an index server is asked, and what is made of its answers."""

from collections.abc import Iterator

import pytest

from appctld.errors import (
    AppctlError,
    BadManifest,
    CredentialScope,
    InvalidReference,
    LimitExceeded,
    NotFound,
    RateLimited,
    RegistryUnavailable,
)
from appctld.model.flatpak.index import INDEX_BYTES, WANTED, Wanted
from appctld.model.jsonvalue import Json, JsonObject
from appctld.workers.fetch.http import session as session_module
from appctld.workers.fetch.index import ABSENT
from support.servers.fake_registry import FakeServer, Reply
from support.workers.fetching import Fetch, endpoint
from support.worlds.flatpaks import EDITOR, PLATFORM, entry, listed

DIGEST = "sha256:" + "1" * 64
STATIC = "/acme/index/static"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    monkeypatch.setattr(session_module, "sleep", lambda _: None)
    with FakeServer() as running:
        running.on(STATIC, Reply(200, JSON, listed(entry(EDITOR, DIGEST), entry(PLATFORM, DIGEST))))
        yield running


def ask(server: FakeServer, *, slash: str = "", wanted: int = 1, **changes: Json) -> JsonObject:
    """What the fetcher makes of it."""
    refs: list[Json] = [Wanted(PLATFORM).to_json()] * wanted
    request: JsonObject = {
        **endpoint(server.url, **changes),
        "index": f"{server.url}/acme{slash}",
        "wanted": refs,
        "architecture": "amd64",
        **{key: value for key, value in changes.items() if key == "index"},
    }
    return Fetch().run("index", request)


@pytest.mark.parametrize("slash", ["", "/"])
def test_candidates_come_with_the_registry_as_a_whole_address(server: FakeServer, slash: str) -> None:
    answer = ask(server, slash=slash)
    assert answer["offers"] == [
        {"ref": str(PLATFORM), "name": "x/org.acme.platform", "tag": "latest", "digest": DIGEST}
    ]
    assert answer["registry"] == f"{server.url}/"
    assert answer["looked_at"] == f"{server.url}{STATIC} (200)"
    (seen,) = server.seen
    assert seen.query == "label%3Aorg.flatpak.ref%3Aexists=1&architecture=amd64&os=linux&tag=latest"


def test_no_credential_goes_there(server: FakeServer) -> None:
    server.on(STATIC, Reply(401, {"WWW-Authenticate": "Basic realm=x"}))
    assert ask(server, credential={"username": "u", "password": "p"})["offers"] == []
    assert ["authorization" in seen.headers for seen in server.seen] == [False]


@pytest.mark.parametrize("status", sorted(ABSENT))
def test_a_registry_without_an_index_has_nothing_to_offer(server: FakeServer, status: int) -> None:
    server.on(STATIC, Reply(status))
    assert ask(server) == {
        "offers": [],
        "registry": "",
        "looked_at": f"{server.url}{STATIC} ({status})",
    }


def test_a_page_for_people_is_no_index(server: FakeServer) -> None:
    server.on(STATIC, Reply(200, {"Content-Type": "text/html; charset=utf-8"}, b"<html>"))
    assert ask(server)["looked_at"] == f"{server.url}{STATIC} (a page, no index)"


@pytest.mark.parametrize("registry", ["https://evil.example/", "//evil.example/x", "../v3"])
def test_another_registry_is_told_as_it_is(server: FakeServer, registry: str) -> None:
    server.on(STATIC, Reply(200, JSON, listed(registry=registry)))
    told = {"../v3": f"{server.url}/acme/v3", "//evil.example/x": "http://evil.example/x"}
    assert ask(server)["registry"] == told.get(registry, registry)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(500), RegistryUnavailable),
        (Reply(429, {"Retry-After": "9999"}), RateLimited),
        (Reply(200, JSON, b"rubbish"), BadManifest),
        (Reply(200, JSON, listed(registry="ftp://x")), BadManifest),
        (Reply(200, JSON, listed(registry="https://user@evil.example/")), BadManifest),
        (Reply(200, JSON, length=INDEX_BYTES + 1), LimitExceeded),
        (Reply(302, {"Location": "http://user:x@127.0.0.1/"}), CredentialScope),
    ],
)
def test_what_is_no_answer_is_an_error(server: FakeServer, reply: Reply, error: type[AppctlError]) -> None:
    server.on(STATIC, reply)
    with pytest.raises(error):
        ask(server)


def test_an_index_without_an_end_is_cut_off(server: FakeServer) -> None:
    server.on(STATIC, Reply(200, JSON, b" ", endless=True))
    with pytest.raises(LimitExceeded):
        ask(server)


def test_a_question_has_a_largest_size(server: FakeServer) -> None:
    assert ask(server, wanted=WANTED)["offers"]
    with pytest.raises(LimitExceeded):
        ask(server, wanted=WANTED + 1)


def test_the_address_is_one(server: FakeServer) -> None:
    with pytest.raises(InvalidReference):
        ask(server, index="rubbish")


def whole(server: FakeServer) -> bytes:
    """All that is listed, as it is passed on."""
    fetch = Fetch()
    request: JsonObject = {**endpoint(server.url), "index": f"{server.url}/acme", "architecture": "amd64"}
    fetch.run("listing", request)
    return fetch.written


def test_all_that_is_listed_is_passed_on_as_it_is(server: FakeServer) -> None:
    server.on(STATIC, Reply(200, JSON, b'{"anything": "at all"}'))
    assert whole(server) == b'{"anything": "at all"}'


@pytest.mark.parametrize(
    "reply",
    [Reply(404), Reply(401), Reply(200, JSON, b""), Reply(200, {"Content-Type": "text/html"}, b"<html>")],
)
def test_that_there_is_no_index_is_said(reply: Reply, server: FakeServer) -> None:
    server.on(STATIC, reply)
    with pytest.raises(NotFound, match="no list of flatpak's refs"):
        whole(server)
