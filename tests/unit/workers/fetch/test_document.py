# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A publisher's file is fetched by https, and no further than it may be."""

from collections.abc import Iterator

import pytest

from appctld.errors import AppctlError
from appctld.workers.fetch.document import DOCUMENT_BYTES
from support.servers.fake_registry import FakeServer, Reply, loopback_identity
from support.workers.fetching import Fetch

PATH = "/acme.appctlremote"


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FakeServer, str]]:
    """A server that speaks TLS, and the certificate to know it by."""
    context, ca = loopback_identity(tmp_path_factory.mktemp("tls"), "127.0.0.1")
    with FakeServer(tls=context) as server:
        yield server, ca


def read(server: FakeServer, ca: str) -> bytes:
    fetch = Fetch()
    assert fetch.run("document", {"url": server.url + PATH, "ca": ca}) == {"size": len(fetch.written)}
    return fetch.written


def test_a_file_comes_as_it_is_also_from_where_its_server_sends_us(
    identity: tuple[FakeServer, str],
) -> None:
    server, ca = identity
    server.on(PATH, Reply(200, {}, b"[Appctl Remote]\n"))
    assert read(server, ca) == b"[Appctl Remote]\n"
    server.on(PATH, Reply(302, {"Location": "/elsewhere"}))
    server.on("/elsewhere", Reply(200, {}, b"moved"))
    assert read(server, ca) == b"moved"
    assert all("Authorization" not in seen.headers for seen in server.seen)


REPLIES = {
    "nothing there": (Reply(404), "NotFound"),
    "gone": (Reply(410), "NotFound"),
    "a login": (Reply(401), "RegistryUnavailable"),
    "plain http behind it": (Reply(302, {"Location": "http://127.0.0.1:9/x"}), "CredentialScope"),
    "itself, for ever": (Reply(302, {"Location": PATH}), "CredentialScope"),
    "too much": (Reply(200, {}, b"x" * (DOCUMENT_BYTES + 1)), "LimitExceeded"),
}


@pytest.mark.parametrize(("reply", "error"), REPLIES.values(), ids=REPLIES.keys())
def test_what_is_no_file_is_an_error(reply: Reply, error: str, identity: tuple[FakeServer, str]) -> None:
    server, ca = identity
    server.on(PATH, reply)
    with pytest.raises(AppctlError) as raised:
        read(server, ca)
    assert raised.value.name == error


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/a.appctlremote", "https://127.0.0.1:9/a?b.appctlremote", "file:///etc/passwd"]
)
def test_an_address_is_https_and_has_no_query(url: str) -> None:
    with pytest.raises(AppctlError) as raised:
        Fetch().run("document", {"url": url})
    assert raised.value.name == "InvalidReference"


def test_a_server_that_nobody_vouches_for_is_not_believed(identity: tuple[FakeServer, str]) -> None:
    server, _ = identity
    with pytest.raises(AppctlError) as raised:
        Fetch().run("document", {"url": server.url + PATH})
    assert raised.value.name == "TlsUntrusted"
