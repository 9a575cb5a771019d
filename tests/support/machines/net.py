# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A registry among other servers that would like its login, with every request written down as it came.

    with Net(tmp_path, monkeypatch) as net:
        net.registry.on(MANIFEST, bearer(f"{net.other.url}/token"))
        net.ask("resolve", net.members(credential=LOGIN))
        net.received == ["registry GET /v2/demo/plain/manifests/1 -"]

The last word of a line says which secret a request carried: `login`, `token` and `identity` where each
belongs, `-` for none, `LEAK` for a secret, cookie or Authorization of any other kind or anywhere else.
"""

import base64
import json
import logging
import ssl
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import NamedTuple, Self
from urllib.parse import parse_qsl, quote

import pytest

from appctld.errors import AppctlError
from appctld.model.jsonvalue import Json, JsonObject
from appctld.model.manifest import OCI_MANIFEST
from appctld.workers.fetch.http import session
from support.servers.fake_registry import FakeServer, Reply, Seen, loopback_identity
from support.workers.fetching import AMD64, Fetch, endpoint

DIGEST = "sha256:" + "0" * 64
MANIFEST = "/v2/demo/plain/manifests/1"
BLOB = f"/v2/demo/plain/blobs/{DIGEST}"
LOOKASIDE = f"/demo/plain@{DIGEST.replace(':', '=')}/signature-1"
DOCUMENT = Reply(200, {"Content-Type": OCI_MANIFEST}, b"{}")

USER, PASSWORD, REFRESH, TOKEN = "alice", "pä:ss-7f1c", "refresh-9b2d", "token.5e8a"
LOGIN: JsonObject = {"username": USER, "password": PASSWORD}
IDENTITY: JsonObject = {"identity_token": REFRESH}
BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
SECRETS = (PASSWORD, quote(PASSWORD), BASIC.removeprefix("Basic "), REFRESH, TOKEN)


def bearer(realm: str, more: str = "") -> Reply:
    """A 401 that wants a token from `realm`."""
    return Reply(401, {"WWW-Authenticate": f'Bearer realm="{realm}",service="a registry"{more}'})


def basic() -> Reply:
    """A 401 that wants the login itself."""
    return Reply(401, {"WWW-Authenticate": 'Basic realm="x"'})


def to(url: str, status: int = 307) -> Reply:
    """A redirect."""
    return Reply(status, {"Location": url})


def tokens(name: str = "token", value: str = TOKEN) -> Reply:
    """A token server's answer."""
    return Reply(200, {"Content-Type": "application/json"}, json.dumps({name: value}).encode())


@cache
def _identity() -> tuple[ssl.SSLContext, str]:
    """One for all cases: for the same CA the fetcher reads the machine's authorities once."""
    with tempfile.TemporaryDirectory() as directory:
        return loopback_identity(Path(directory), "127.0.0.1", "127.0.0.2")


class Net(ExitStack):
    """`registry`; `sibling` on another port of its host, `other` on another host; `plain` and `secure` on its
    host with that scheme. With `tls` the first three speak https. `home` is the caller's.
    """  # noqa: D205 - one sentence about five names

    def __init__(self, home: Path, environment: pytest.MonkeyPatch, *, tls: bool = False) -> None:
        super().__init__()
        self.home, self.environment = home, environment
        context, self.ca = _identity()
        some = context if tls else None
        self.registry, self.sibling = FakeServer(tls=some), FakeServer(tls=some)
        self.other = FakeServer("127.0.0.2", tls=some)
        self.plain, self.secure = FakeServer(), FakeServer(tls=context)
        self.leaf = ""
        self.told = ""

    @property
    def servers(self) -> dict[str, FakeServer]:
        """By name."""
        names = ("registry", "sibling", "other", "plain", "secure")
        return {name: getattr(self, name) for name in names}

    def __enter__(self) -> Self:
        for server in self.servers.values():
            self.enter_context(server)
        return self

    def members(self, **changes: Json) -> JsonObject:
        """The members of a request about `demo/plain` at the registry."""
        return endpoint(self.registry.url, **{"ca": self.ca, "credential": LOGIN, **changes})

    def ask(self, operation: str, members: JsonObject) -> None:
        """Run one of the fetcher's operations; `leaf` is what it ended with, empty for success."""
        more: dict[str, JsonObject] = {
            "resolve": {"reference": "1", "platform": AMD64},
            "blob": {"digest": DIGEST, "size": 1000},
            "signatures": {"digest": DIGEST},
            "attachments": {"digest": DIGEST},
        }
        try:
            Fetch().run(operation, {**more[operation], **members})
        except AppctlError as error:
            self.leaf, self.told = error.name, repr(error.to_wire())

    @property
    def received(self) -> list[str]:
        """Every request of every server, in this order of servers."""
        return [line(name, seen) for name, server in self.servers.items() for seen in server.seen]


Maker = Callable[[Net], None]
Makers = Callable[[Net, str], None]


class Case(NamedTuple):
    """What is tried, how it ends (the error's leaf, or nothing), and what the servers receive."""

    id: str
    what: str
    leaf: str
    received: tuple[str, ...]
    tls: bool
    make: Maker

    def hold(self, home: Path, environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
        """Try it: nobody receives more than that, and nothing that is told holds a secret."""
        environment.setattr(session, "sleep", lambda _: None)
        environment.setenv("HOME", str(home))
        caplog.set_level(logging.DEBUG)
        with Net(home, environment, tls=self.tls) as net:
            self.make(net)
            assert (net.leaf, net.received) == (self.leaf, list(self.received))
            for text in (net.told, caplog.text):
                assert not [secret for secret in SECRETS if secret in text]


class Cases:
    """A table of cases that decorators fill; a case's ID is its function's name."""

    def __init__(self) -> None:
        self.all: list[Case] = []

    def one(self, what: str, leaf: str, *received: str, tls: bool = False) -> Callable[[Maker], Maker]:
        """Add a case."""

        def add(make: Maker) -> Maker:
            self.all.append(Case(_id(make.__name__), what, leaf, received, tls, make))
            return make

        return add

    def each(
        self, what: str, leaf: str, ways: Mapping[str, tuple[str, ...]], *, tls: bool = False
    ) -> Callable[[Makers], Makers]:
        """Add a case for each way, with what is received then."""

        def add(make: Makers) -> Makers:
            for way, received in ways.items():
                name = _id(f"{make.__name__} {way}")
                self.all.append(Case(name, f"{what}: {way}", leaf, received, tls, _bound(make, way)))
            return make

        return add


def _bound(make: Makers, way: str) -> Maker:
    return lambda net: make(net, way)


def _id(text: str) -> str:
    return text.replace("_", "-").replace(" ", "-")


def line(server: str, seen: Seen) -> str:
    """One request in one line."""
    return f"{server} {seen.method} {seen.path} {carried(seen)}"


def carried(seen: Seen) -> str:
    """Which secret came along, if it is where it belongs."""
    headers = dict(seen.headers)
    known = {BASIC: "login", f"Bearer {TOKEN}": "token", "": "-"}
    found = known.get(headers.pop("authorization", ""), "LEAK")
    form = dict(parse_qsl(seen.body.decode()))
    if form.pop("refresh_token", None) == REFRESH and seen.method == "POST":
        found = "identity" if found == "-" else "LEAK"
    elsewhere = repr((seen.path, seen.query, headers, form))
    hidden = "cookie" in headers or any(secret in elsewhere for secret in SECRETS)
    return "LEAK" if hidden else found
