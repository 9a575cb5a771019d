# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Where a request goes: addresses read strictly, compared by origin, and shown without their secrets.

Guarantees: what `Url.parse` takes reads the same to every URL library (no userinfo, no backslash, no control
or non-ASCII character), and nothing that is shown carries a query, where signed URLs and tokens keep secrets.
"""

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urljoin

from appctld.model.reference import HIGHEST_PORT

URL_LENGTH = 8192  # signed storage URLs reach 2 KiB; servers refuse request lines beyond 8 KiB
PORTS = {"http": 80, "https": 443}
_URL = re.compile(
    r"(?P<scheme>https?)://"
    r"(?:(?P<host>[a-z0-9_](?:[a-z0-9._-]*[a-z0-9])?)|\[(?P<literal>[0-9a-f:.]{2,45})\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<target>(?:[/?][!$-;=?-Z\[\]_a-z~]*)?)(?:#[!-~]*)?",
    re.IGNORECASE,
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port: what decides where a credential may go (RFC 6454). IPv6 without brackets."""

    scheme: str
    host: str
    port: int

    @property
    def netloc(self) -> str:
        """`host`, and the port where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}"


@dataclass(frozen=True, slots=True)
class Url:
    """One address. `target` is its path and query; it stays out of every repr."""

    origin: Origin
    target: str = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an absolute http or https address; its fragment is dropped. Raises ValueError."""
        found = _URL.fullmatch(text) if len(text) <= URL_LENGTH else None
        if found is None or int(found["port"] or 0) > HIGHEST_PORT:
            raise ValueError("this is no plain http or https address")
        scheme, host = found["scheme"].lower(), (found["host"] or found["literal"]).lower()
        port = int(found["port"] or PORTS[scheme])
        target = found["target"]
        return cls(Origin(scheme, host, port), target if target.startswith("/") else f"/{target}")

    def join(self, location: str) -> "Url":
        """The address that `location` means in an answer of this one (RFC 3986, 5). Raises ValueError."""
        return Url.parse(urljoin(str(self), location))

    @property
    def shown(self) -> str:
        """The address as it may stand in a message: without its query."""
        return f"{self.origin}{self.path}"

    @property
    def path(self) -> str:
        """The path alone."""
        return self.target.partition("?")[0]

    def __str__(self) -> str:
        return f"{self.origin}{self.target}"


def names_loopback(host: str) -> bool:
    """Whether a host's *name* says loopback; what it resolves to is judged on the connection."""
    return is_loopback(host) if is_address(host) else host == "localhost"


def is_address(host: str) -> bool:
    """Whether a host is an IP address, and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(address: str) -> bool:
    """Whether an IP address is this machine's own. Raises ValueError."""
    return _plain(address).is_loopback


def is_public(address: str) -> bool:
    """Whether an IP address is one of the Internet's: not private, loopback, link-local or shared.

    An IPv4 address inside an IPv6 one (mapped, 6to4, NAT64) is judged as itself. Raises ValueError.
    """
    plain = _plain(address)
    return plain.is_global and not plain.is_multicast


def _plain(address: str) -> Address:
    plain = ipaddress.ip_address(address)
    if isinstance(plain, ipaddress.IPv4Address):
        return plain
    if plain in _NAT64:
        return ipaddress.IPv4Address(int(plain) & 0xFFFFFFFF)
    return plain.ipv4_mapped or plain.sixtofour or plain
