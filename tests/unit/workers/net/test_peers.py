# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Who may be connected to, by address, not by name."""

import socket

import pytest

from appctld.errors import CredentialScope, RegistryUnavailable
from appctld.workers.net.address import Origin
from appctld.workers.net.peers import Peers, connected_address, known_addresses
from appctld.workers.net.proxies import Proxies, Proxy
from support.servers.loopback import refusing

REGISTRY = Origin("https", "registry.example", 443)
OTHER = Origin("https", "auth.example", 443)
PUBLIC, PRIVATE = "8.8.8.8", "10.0.0.1"
NOT_PUBLIC = [PRIVATE, "127.0.0.1", "::1", "169.254.169.254", "::ffff:192.168.0.1"]


def never(origin: Origin) -> str:
    raise AssertionError(f"{origin} was probed")


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_a_registry_on_the_internet_cannot_send_us_inside(address: str) -> None:
    peers = Peers(REGISTRY, insecure=False, probe=never)
    peers.admit(REGISTRY, PUBLIC)
    with pytest.raises(CredentialScope, match=r"auth\.example"):
        peers.admit(OTHER, address)


def test_another_port_of_the_registrys_host_is_somebody_else() -> None:
    peers = Peers(REGISTRY, insecure=False, probe=never)
    peers.admit(REGISTRY, PUBLIC)
    with pytest.raises(CredentialScope):
        peers.admit(Origin("https", "registry.example", 8443), PRIVATE)


def test_one_public_address_of_a_registry_makes_it_public() -> None:
    peers = Peers(REGISTRY, insecure=False, probe=never)
    peers.admit(REGISTRY, PUBLIC)
    peers.admit(REGISTRY, PRIVATE)
    with pytest.raises(CredentialScope):
        peers.admit(OTHER, PRIVATE)


def test_an_inside_registry_may_send_us_inside_and_anyone_outside() -> None:
    peers = Peers(REGISTRY, insecure=False, probe=never)
    peers.admit(REGISTRY, PRIVATE)
    for address in (PUBLIC, *NOT_PUBLIC):
        peers.admit(OTHER, address)


def test_who_is_asked_before_the_registry_is_judged_by_a_probe_of_it() -> None:
    with pytest.raises(CredentialScope):
        Peers(REGISTRY, insecure=False, probe=lambda _: PUBLIC).admit(OTHER, PRIVATE)
    Peers(REGISTRY, insecure=False, probe=lambda _: PRIVATE).admit(OTHER, PRIVATE)
    Peers(REGISTRY, insecure=False, probe=never).admit(OTHER, PUBLIC)


@pytest.mark.parametrize("address", [PUBLIC, PRIVATE])
def test_plain_http_stays_on_this_machine_unless_the_remote_says_insecure(address: str) -> None:
    plain = Origin("http", "localhost", 5000)  # a name that anybody's name server may answer
    with pytest.raises(CredentialScope, match="plain HTTP"):
        Peers(plain, insecure=False, probe=never).admit(plain, address)
    Peers(plain, insecure=False, probe=never).admit(plain, "127.0.0.1")
    Peers(plain, insecure=True, probe=never).admit(plain, address)


def test_the_probe_tells_the_connected_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        origin = Origin("http", "localhost", server.getsockname()[1])
        assert connected_address(origin) == "127.0.0.1"
    with refusing() as port, pytest.raises(RegistryUnavailable, match="refuses connections"):
        connected_address(Origin("http", "localhost", port))


def test_an_address_needs_no_probe() -> None:
    assert connected_address(Origin("https", "8.8.8.8", 443)) == "8.8.8.8"


# --- through a proxy

PROXIED = Proxies((("https", Proxy(Origin("http", "proxy.example", 3128))),))


def behind(known: dict[str, tuple[str, ...]], *, insecure: bool = False) -> Peers:
    """Peers of a registry that is asked through a proxy, where this machine knows these addresses."""
    return Peers(
        REGISTRY, insecure=insecure, probe=never, proxies=PROXIED, known=lambda at: known.get(at.host, ())
    )


@pytest.mark.parametrize("address", NOT_PUBLIC)
@pytest.mark.parametrize("registry", [(), (PUBLIC,), (PRIVATE, PUBLIC)])
def test_no_proxy_is_asked_to_lead_from_the_internet_to_what_is_inside(
    address: str, registry: tuple[str, ...]
) -> None:
    peers = behind({"registry.example": registry, "auth.example": (PUBLIC, address)})
    with pytest.raises(CredentialScope, match=r"auth\.example"):
        peers.admit_unseen(OTHER)


def test_what_is_connected_directly_is_judged_by_the_registry_behind_the_proxy() -> None:
    with pytest.raises(CredentialScope):
        behind({}).admit(OTHER, PRIVATE)
    behind({"registry.example": (PRIVATE,)}).admit(OTHER, PRIVATE)


def test_an_inside_registry_behind_a_proxy_leads_where_it_wants() -> None:
    behind({"registry.example": (PRIVATE,), "auth.example": (PRIVATE,)}).admit_unseen(OTHER)


def test_the_registry_itself_and_what_only_the_proxy_knows_are_asked_for() -> None:
    behind({"registry.example": (PRIVATE, PUBLIC)}).admit_unseen(REGISTRY)
    behind({}).admit_unseen(OTHER)
    behind({"auth.example": (PUBLIC,)}).admit_unseen(OTHER)


def test_a_proxy_is_asked_for_no_plain_http() -> None:
    plain = Origin("http", "registry.example", 80)
    with pytest.raises(CredentialScope, match="plain HTTP"):
        behind({}).admit_unseen(plain)
    behind({}, insecure=True).admit_unseen(plain)


def test_the_way_is_the_proxy_of_what_may_be_asked_for() -> None:
    peers = behind({"registry.example": (PUBLIC,), "auth.example": (PRIVATE,)})
    assert peers.way(REGISTRY) == PROXIED.of(REGISTRY)
    assert peers.way(Origin("https", "127.0.0.1", 5000)) is None
    with pytest.raises(CredentialScope, match=r"auth\.example"):
        peers.way(OTHER)
    assert Peers(REGISTRY, insecure=False, probe=never).way(OTHER) is None


def test_an_address_is_known_without_asking_anybody_and_a_name_of_this_machine_is_found() -> None:
    assert known_addresses(Origin("https", "10.0.0.1", 443)) == ("10.0.0.1",)
    assert set(known_addresses(Origin("https", "localhost", 443))) <= {"127.0.0.1", "::1"}


def test_a_name_that_cannot_be_resolved_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    assert known_addresses(REGISTRY) == ()
