# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Whom we are connected to: rules about peer addresses, asked on every new connection before a request.

A name can resolve to anything, so names prove nothing; the *connected* address does. A server on the Internet
must not use us to reach what only we can reach (CWE-918), and plain HTTP stays on this machine. Where a proxy
makes the connection its address is not seen here: then whatever this machine knows of the name counts, and a
name that only the proxy knows is the proxy's to judge. Leaves to others: asking on each connection
(fetch/http/adapter.py, pull/tunnel.py).
"""

import socket
from collections.abc import Callable

from appctld.errors import CredentialScope
from appctld.workers.net.address import Origin, is_address, is_loopback, is_public
from appctld.workers.net.failures import translate
from appctld.workers.net.proxies import DIRECT, Proxies, Proxy

PROBE_SECONDS = 10.0  # as long as any other connection may take


def connected_address(origin: Origin) -> str:
    """The IP address that a connection to `origin` reaches. Raises a leaf of Transport."""
    if is_address(origin.host):
        return origin.host
    try:
        with socket.create_connection((origin.host, origin.port), PROBE_SECONDS) as connection:
            return str(connection.getpeername()[0])
    except OSError as error:
        raise translate(error, origin.netloc).error from None


def known_addresses(origin: Origin) -> tuple[str, ...]:
    """The IP addresses that this machine knows of; none where only a proxy knows them."""
    if is_address(origin.host):
        return (origin.host,)
    try:
        found = socket.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    except OSError:
        return ()
    return tuple(str(one[4][0]) for one in found)


class Peers:
    """The rules, for one registry; it remembers whether the registry's own address is public.

    `probe` finds that out when somebody else is asked first (a lookaside); `known` are the addresses of what
    is asked through one of `proxies`. Nobody else holds the proxies: who connects asks for the `way`.
    """

    def __init__(
        self,
        registry: Origin,
        *,
        insecure: bool,
        probe: Callable[[Origin], str] = connected_address,
        proxies: Proxies = DIRECT,
        known: Callable[[Origin], tuple[str, ...]] = known_addresses,
    ) -> None:
        self._registry = registry
        self._insecure = insecure
        self._probe = probe
        self._proxies = proxies
        self._known = known
        self._public: bool | None = None

    def way(self, origin: Origin) -> Proxy | None:
        """The proxy to be asked for `origin`, which may be; None for what is connected, and then admitted.

        Raises CredentialScope.
        """
        proxy = self._proxies.of(origin)
        if proxy is not None:
            self.admit_unseen(origin)
        return proxy

    def admit(self, origin: Origin, address: str) -> None:
        """Return if `origin`, connected at IP `address`, may be spoken to. Raises CredentialScope."""
        if origin.scheme == "http" and not self._insecure and not is_loopback(address):
            raise CredentialScope(f"{origin.host} is at {address}: plain HTTP is for this machine only")
        if origin == self._registry:
            self._public = bool(self._public) or is_public(address)
        elif not is_public(address) and self._registry_is_public():
            raise self._inwards(origin, address)

    def admit_unseen(self, origin: Origin) -> None:
        """Return if a proxy may be asked for a connection to `origin`. Raises CredentialScope."""
        if origin.scheme == "http" and not self._insecure:
            raise CredentialScope(f"plain HTTP to {origin.host}: it is for this machine only")
        if origin == self._registry:
            return
        inside = [address for address in self._known(origin) if not is_public(address)]
        if inside and self._registry_is_public():
            raise self._inwards(origin, inside[0])

    def _inwards(self, origin: Origin, address: str) -> CredentialScope:
        return CredentialScope(
            f"{self._registry.host} is on the Internet, but sends us to {origin.host} at {address}"
        )

    def _registry_is_public(self) -> bool:
        if self._public is None:
            self._public = self._is_public(self._registry)
        return self._public

    def _is_public(self, registry: Origin) -> bool:
        """Behind a proxy a registry of which nothing is known here counts as one of the Internet."""
        if self._proxies.of(registry) is None:
            return is_public(self._probe(registry))
        known = self._known(registry)
        return not known or any(map(is_public, known))
