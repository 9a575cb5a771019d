# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which proxy a server is asked through, read once from the request, and the way through it.

Guarantees: this machine itself is never asked through a proxy; a proxy's login goes to that proxy alone, has
no repr, and stands in no message. Leaves to others: whether what is asked for may be (peers.py judges that
first).
"""

import base64
import ipaddress
import re
import socket
from dataclasses import dataclass, field
from urllib.parse import unquote

from appctld.errors import InvalidReference, RegistryUnavailable
from appctld.model.jsonvalue import JsonObject, get_object, get_str, get_strings
from appctld.workers.net.address import Origin, Url, is_address, names_loopback
from appctld.workers.net.failures import translate

HEAD_BYTES = 32 << 10  # of a proxy's answer; real ones have some hundred
CONNECT_SECONDS = 10.0  # an address that does not answer in this time will not
ANSWER_SECONDS = 30.0  # a proxy resolves the name and connects before it answers
_ANSWER = re.compile(rb"HTTP/1\.[01] ([0-9]{3})[ \r]")


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy that tunnels (RFC 9110, 9.3.6); `login` is `user:password`, empty for none."""

    origin: Origin
    login: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxy of each scheme that has one, and what is asked without: words as in no_proxy."""

    by_scheme: tuple[tuple[str, Proxy], ...] = ()
    direct: tuple[str, ...] = ()

    def of(self, origin: Origin) -> Proxy | None:
        """The proxy through which an origin is asked; None where it is asked directly."""
        if names_loopback(origin.host) or any(_matches(word, origin) for word in self.direct):
            return None
        return dict(self.by_scheme).get(origin.scheme)


DIRECT = Proxies()


def parse_proxies(request: JsonObject) -> Proxies:
    """The member `proxy` of a request: {"http": URL, "https": URL, "direct": [WORD, …]}, each absent perhaps.

    Raises InvalidReference.
    """
    told = get_object(request, "proxy", {})
    found = ((scheme, get_str(told, scheme, "")) for scheme in ("http", "https"))
    return Proxies(
        tuple((scheme, _proxy(text)) for scheme, text in found if text),
        tuple(get_strings(told, "direct", [])),
    )


def tunnel(proxy: Proxy, origin: Origin) -> socket.socket:
    """A connection to an origin through a proxy. Raises RegistryUnavailable, Offline."""
    where = f"proxy {proxy.origin.netloc}"
    try:
        connection = socket.create_connection((proxy.origin.host, proxy.origin.port), CONNECT_SECONDS)
    except OSError as error:
        raise translate(error, where).error from None
    try:
        connection.settimeout(ANSWER_SECONDS)
        connection.sendall(_request(proxy, origin))
        status = _status(connection)
    except OSError as error:
        connection.close()
        raise translate(error, where).error from None
    if status // 100 != 2:  # noqa: PLR2004 - any 2xx opens the tunnel
        connection.close()
        said = f"HTTP {status}" if status else "with what is no answer"
        raise RegistryUnavailable(
            f"{where} refuses {origin.netloc} ({said})", host=origin.netloc, status=status
        )
    return connection


def _request(proxy: Proxy, origin: Origin) -> bytes:
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    target = f"{host}:{origin.port}"
    login = base64.b64encode(proxy.login.encode()).decode()
    lines = [
        f"CONNECT {target} HTTP/1.1",
        f"Host: {target}",
        *([f"Proxy-Authorization: Basic {login}"] if login else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def _status(connection: socket.socket) -> int:
    """The status of the answer, whose head is taken to its last byte and no further; 0 for what is none."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        some = connection.recv(1)  # what follows is the server's, and whose reads it next
        if not some or len(head) >= HEAD_BYTES:
            return 0
        head += some
    answer = _ANSWER.match(head)
    return int(answer[1]) if answer else 0


def _proxy(text: str) -> Proxy:
    """Read `[http://][user:password@]HOST:PORT`. Raises InvalidReference, which does not show it."""
    userinfo, at, place = text.removeprefix("http://").removesuffix("/").rpartition("@")
    login = unquote(userinfo)
    try:
        url = Url.parse(f"http://{place}")
    except ValueError:
        url = None
    whole = login.isprintable() and ":" in login and "/" not in userinfo  # else it is another scheme's
    if url is None or url.target != "/" or (at and not whole):
        raise InvalidReference(
            "a proxy is http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT in the environment",
            hint="http://proxy.example:3128",
        )
    return Proxy(url.origin, login)


def _matches(word: str, origin: Origin) -> bool:
    """Whether a word of no_proxy means an origin: `*`, a host, a domain, either with a port, or a network."""
    if word == "*":
        return True
    has_port = not is_address(word) and re.search(r"[^:]:[0-9]+$", word)  # in 2001:db8::1:5 the 5 is none
    name, _, port = word.rpartition(":") if has_port else (word, "", "")
    if port and int(port) != origin.port:
        return False
    if is_address(origin.host):
        return _holds(name.strip("[]"), origin.host)
    bare = name.lower().removeprefix("*").removeprefix(".")
    return f".{origin.host}".endswith(f".{bare}")


def _holds(network: str, address: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
