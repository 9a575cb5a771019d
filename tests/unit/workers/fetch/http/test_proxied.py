# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The session through a real proxy: what the proxy is asked for, what it is not, and what it does not see."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from appctld.errors import CredentialScope, RegistryUnavailable
from appctld.model.jsonvalue import JsonObject
from appctld.workers.fetch.document import read_document
from appctld.workers.fetch.endpoint import parse_endpoint
from appctld.workers.fetch.http.redirects import follow
from appctld.workers.fetch.http.session import Session
from appctld.workers.net.address import Url
from appctld.workers.net.proxies import parse_proxies
from support.servers.fake_registry import FakeServer, Reply, loopback_identity
from support.servers.proxy import Proxy

PUBLIC, STORAGE, INSIDE = "8.8.8.8:443", "8.8.4.4:8443", "10.0.0.1:443"  # none of them is reached
BASIC = "Basic YWxpY2U6c2VjcmV0"


class Net:
    """A registry that is at PUBLIC for the proxy alone, and other names for the same server."""

    def __init__(self, server: FakeServer, proxy: Proxy, ca: str) -> None:
        self.server, self.proxy, self.ca = server, proxy, ca

    def members(self, registry: str = "https://8.8.8.8", **more: object) -> JsonObject:
        """A request's members."""
        told: JsonObject = {"https": self.proxy.url, "http": self.proxy.url}
        found: JsonObject = {"registry": registry, "repository": "x", "ca": self.ca, "proxy": told}
        return {**found, **more}  # type: ignore[dict-item]

    def ask(self, url: str, members: JsonObject | None = None, authorization: str = "") -> bytes:
        """GET, redirects followed."""
        with (
            Session(parse_endpoint(members or self.members())) as session,
            follow(session, Url.parse(url), {}, authorization or None) as answer,
        ):
            return answer.read(1000)


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    context, ca = loopback_identity(tmp_path, "127.0.0.1", "8.8.8.8", "8.8.4.4", "10.0.0.1")
    with FakeServer(tls=context) as server:
        leads = dict.fromkeys((PUBLIC, STORAGE, INSIDE), ("127.0.0.1", server.port))
        with Proxy(leads) as proxy:
            server.on("/x", Reply(body=b"hello"))
            yield Net(server, proxy, ca)


def test_a_registry_is_asked_through_the_proxy_and_over_tls(net: Net) -> None:
    assert net.ask("https://8.8.8.8/x", authorization=BASIC) == b"hello"
    assert net.proxy.asked == [PUBLIC]
    (seen,) = net.server.seen
    assert (seen.headers["host"], seen.headers["authorization"]) == ("8.8.8.8", BASIC)
    assert not [name for name in seen.headers if name.startswith("proxy-")]


def test_a_redirect_goes_through_the_proxy_and_takes_no_login_along(net: Net) -> None:
    net.server.on("/y", Reply(307, {"Location": "https://8.8.4.4:8443/x"}))
    assert net.ask("https://8.8.8.8/y", authorization=BASIC) == b"hello"
    assert net.proxy.asked == [PUBLIC, STORAGE]
    assert [seen.headers.get("authorization") for seen in net.server.seen] == [BASIC, None]


def test_the_proxy_is_not_asked_for_what_is_inside(net: Net) -> None:
    net.server.on("/y", Reply(307, {"Location": "https://10.0.0.1/x"}))
    with pytest.raises(CredentialScope, match=r"10\.0\.0\.1"):
        net.ask("https://8.8.8.8/y")
    assert net.proxy.asked == [PUBLIC]


def test_this_machine_is_not_reached_past_the_proxy(net: Net) -> None:
    net.server.on("/y", Reply(307, {"Location": f"{net.server.url}/x"}))
    with pytest.raises(CredentialScope, match=r"127\.0\.0\.1"):
        net.ask("https://8.8.8.8/y")
    assert [seen.path for seen in net.server.seen] == ["/y"]


def test_a_registry_of_this_machine_is_asked_directly(net: Net) -> None:
    assert net.ask(f"{net.server.url}/x", net.members(net.server.url)) == b"hello"
    assert net.proxy.asked == []


def test_what_no_proxy_names_is_asked_directly(net: Net) -> None:
    members = net.members("https://127.0.0.1", proxy={"https": net.proxy.url, "direct": ["8.8.0.0/16"]})
    proxies = parse_endpoint(members).proxies
    assert proxies.of(Url.parse("https://8.8.8.8/").origin) is None
    assert proxies.of(Url.parse("https://9.9.9.9/").origin) is not None


def test_plain_http_leaves_this_machine_through_no_proxy(net: Net) -> None:
    with pytest.raises(CredentialScope, match="plain HTTP"):
        net.ask("http://8.8.8.8/x", net.members("http://8.8.8.8"))
    assert net.proxy.asked == []


def test_a_certificate_of_another_is_refused_behind_a_proxy_too(net: Net, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    _, other = loopback_identity(tmp_path / "other", "8.8.8.8")
    with pytest.raises(Exception, match="cannot prove who it is"):
        net.ask("https://8.8.8.8/x", net.members(ca=other))


def test_a_proxy_that_refuses_is_asked_once_and_told(net: Net) -> None:
    net.proxy.leads = {}
    with pytest.raises(RegistryUnavailable, match=rf"proxy {net.proxy.host} refuses 8\.8\.8\.8"):
        net.ask("https://8.8.8.8/x")
    assert net.proxy.asked == [PUBLIC]


def test_a_publishers_file_comes_through_the_proxy(net: Net) -> None:
    proxies = parse_proxies({"proxy": {"https": net.proxy.url}})
    assert read_document("https://8.8.8.8/x", net.ca, proxies) == b"hello"
    assert net.proxy.asked == [PUBLIC]
