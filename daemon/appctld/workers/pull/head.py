# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The head of the one request that a connection to the tunnel begins with; pure but for reading it."""

import socket
from dataclasses import dataclass, field

from appctld.errors import RegistryUnavailable
from appctld.workers.net.address import Url

HEAD_BYTES = 32 << 10  # a URL has at most 8 KiB, and libostree's own headers have some hundred bytes
_END = b"\r\n\r\n"
_OURS = ("proxy-", "connection:")  # what a proxy keeps to itself (RFC 9110, 7.6.1)


@dataclass(frozen=True, slots=True)
class Head:
    """`target` is `host:port` of a CONNECT, else a whole URL; `headers` are lines."""

    method: str
    target: str
    headers: tuple[str, ...] = field(repr=False)

    @property
    def tunnelled(self) -> bool:
        """Whether TLS follows, of which nothing is seen here."""
        return self.method == "CONNECT"

    @property
    def authorization(self) -> str:
        """The value of Proxy-Authorization; empty where there is none."""
        name = "proxy-authorization:"
        values = [line[len(name) :].strip() for line in self.headers if line.lower().startswith(name)]
        return values[0] if len(values) == 1 else ""

    @property
    def url(self) -> Url:
        """Where it wants to go. Raises RegistryUnavailable."""
        try:
            return Url.parse(f"https://{self.target}/" if self.tunnelled else self.target)
        except ValueError:
            raise RegistryUnavailable("the repository sends us to an address that cannot be read") from None

    def forwarded(self, url: Url) -> bytes:
        """The request as the server gets it: once, and without the password."""
        kept = [line for line in self.headers if not line.lower().startswith(_OURS)]
        return "\r\n".join(
            [f"{self.method} {url.target} HTTP/1.1", *kept, "Connection: close", "", ""]
        ).encode()


def read_head(client: socket.socket) -> Head | None:
    """Read up to the end of the head; None for what is none. Raises OSError.

    Whoever sends more than a head before it is answered loses it: libostree does not.
    """
    data = b""
    while not data.endswith(_END):
        some = client.recv(HEAD_BYTES)
        data += some
        if not some or len(data) > HEAD_BYTES:
            return None
    first, *headers = data[: -len(_END)].decode("latin-1").split("\r\n")
    words = first.split(" ")
    return Head(words[0], words[1], tuple(headers)) if words[2:] == ["HTTP/1.1"] else None
