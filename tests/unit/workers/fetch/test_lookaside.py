# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Signatures from a lookaside: all that are there, no more than allowed, with no credential."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from appctld.errors import InvalidReference, LimitExceeded, RegistryUnavailable
from appctld.model.jsonvalue import Json, JsonObject
from appctld.workers.fetch.http import session as session_module
from appctld.workers.fetch.lookaside import SIGNATURE_BYTES, SIGNATURES
from support.servers.fake_registry import FakeServer, Reply
from support.servers.lookaside import Lookaside
from support.workers.fetching import Fetch, endpoint

DIGEST = "sha256:" + "a" * 64
PLACE = "/demo/plain@sha256=" + "a" * 64
REGISTRY = "http://127.0.0.1:1"  # nobody there: the registry has nothing to say about signatures


@pytest.fixture
def lookaside(tmp_path: Path) -> Iterator[Lookaside]:
    with Lookaside(tmp_path) as running:
        yield running


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    monkeypatch.setattr(session_module, "sleep", lambda _: None)
    with FakeServer() as server:
        yield server


def request(lookaside: str, **changes: Json) -> JsonObject:
    return {**endpoint(REGISTRY, **changes), "lookaside": lookaside, "digest": DIGEST}


@pytest.mark.parametrize("slash", ["", "/"])
def test_every_signature_until_one_is_absent(lookaside: Lookaside, slash: str) -> None:
    lookaside.place("demo/plain", DIGEST, b"first", b"", b"third")
    (lookaside.directory / PLACE[1:] / "signature-5").write_bytes(b"beyond the gap")
    fetch = Fetch()
    answer = fetch.run("signatures", request(lookaside.url + slash))
    assert fetch.written == b"firstthird"
    asked = [f"{lookaside.url}{PLACE}/signature-{number}" for number in range(1, 5)]
    statuses = [200, 200, 200, 404]
    assert answer["sizes"] == [5, 0, 5]
    assert answer["looked_at"] == [list(pair) for pair in zip(asked, statuses, strict=True)]


def test_no_signature_tells_where_we_looked(lookaside: Lookaside) -> None:
    answer = Fetch().run("signatures", request(lookaside.url))
    assert answer == {"sizes": [], "looked_at": [[f"{lookaside.url}{PLACE}/signature-1", 404]]}


def test_the_path_of_a_lookaside_is_kept(fake: FakeServer) -> None:
    Fetch().run("signatures", request(f"{fake.url}/sigs/acme"))
    assert [seen.path for seen in fake.seen] == [f"/sigs/acme{PLACE}/signature-1"]


def test_no_credential_goes_there(fake: FakeServer) -> None:
    fake.on(f"{PLACE}/signature-1", Reply(401, {"WWW-Authenticate": "Basic realm=x"}))
    with pytest.raises(RegistryUnavailable, match="HTTP 401"):
        Fetch().run("signatures", request(fake.url, credential={"username": "u", "password": "p"}))
    assert ["authorization" in seen.headers for seen in fake.seen] == [False]


def test_there_is_an_end_to_signatures(fake: FakeServer) -> None:
    for number in range(1, SIGNATURES + 10):
        fake.on(f"{PLACE}/signature-{number}", Reply(200, {}, b"x"))
    answer = Fetch().run("signatures", request(fake.url))
    assert answer["sizes"] == [1] * SIGNATURES
    assert len(fake.seen) == SIGNATURES


def test_a_signature_has_a_largest_size(fake: FakeServer) -> None:
    fake.on(f"{PLACE}/signature-1", Reply(200, {}, b"x" * SIGNATURE_BYTES))
    assert Fetch().run("signatures", request(fake.url))["sizes"] == [SIGNATURE_BYTES]
    for reply in (Reply(200, {}, b"x" * (SIGNATURE_BYTES + 1)), Reply(200, endless=True)):
        fake.on(f"{PLACE}/signature-1", reply)
        with pytest.raises(LimitExceeded):
            Fetch().run("signatures", request(fake.url))


@pytest.mark.parametrize("status", [403, 500, 503])
def test_a_lookaside_in_trouble_is_not_the_same_as_no_signature(fake: FakeServer, status: int) -> None:
    fake.on(f"{PLACE}/signature-1", Reply(status))
    with pytest.raises(RegistryUnavailable, match=f"HTTP {status}"):
        Fetch().run("signatures", request(fake.url))


@pytest.mark.parametrize(
    "url", ["file:///etc", "http://user:pw@127.0.0.1/", "http://127.0.0.1/?x=y", "sigs.example"]
)
def test_an_address_that_is_no_lookaside_is_refused(url: str) -> None:
    with pytest.raises(InvalidReference, match="lookaside"):
        Fetch().run("signatures", request(url))
