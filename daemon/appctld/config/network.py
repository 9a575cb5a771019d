# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""How servers are reached from this machine, beside what a remote's own file says: certificates, and proxies.

Guarantees: a remote's own words come first; certificates that lie there and cannot be read are an error of
the host that they are for, and of no other. Leaves to others: what certificates are worth, which server is
asked through a proxy and what the address of one may be (workers/net/).
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from appctld.config.reader import DIRECTLY
from appctld.config.remote import Remote
from appctld.config.remotes import CA_BYTES, read_limited
from appctld.errors import Failed, LimitExceeded
from appctld.model.jsonvalue import Json, JsonObject, get_str

_SCHEMES = ("http", "https")
_PLACE = re.compile(r"[A-Za-z0-9._:\[\]-]+")  # HOST:PORT; anything else is shown to nobody


@dataclass(frozen=True, slots=True)
class Network:
    """`certificates` is a directory of HOST[:PORT]/*.crt (containers-certs.d(5)); None for none.

    Of `environment` only the variables of proxies count, in either case; a login may be in them.
    """

    certificates: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    def authorities(self, host: str, own: bytes | None = None) -> str | None:
        """Whom TLS believes beside the distribution's bundle, in PEM: a remote's `own`, and the host's.

        Raises Failed, LimitExceeded.
        """
        parts = [part for part in (own, *self._of(host)) if part]
        if sum(map(len, parts)) > CA_BYTES:
            raise LimitExceeded(f"more than {CA_BYTES} bytes of certificates for {host}", limit=CA_BYTES)
        return b"\n".join(parts).decode("ascii", "replace") or None

    def proxies(self, remote: Remote | None = None) -> JsonObject:
        """What workers/net/proxies.py reads: the proxy of each scheme, and what is asked directly."""
        asked, direct = (remote.proxy, remote.no_proxy) if remote else (None, ())
        if asked is not None:
            found = {} if asked == DIRECTLY else dict.fromkeys(_SCHEMES, asked)
        else:
            found = {scheme: text for scheme in _SCHEMES if (text := self._proxy(scheme))}
            direct = (*direct, *re.split(r"[ ,]+", self._variable("no_proxy")))
        words: list[Json] = [word for word in direct if word]
        return {**found, "direct": words} if found else {}

    def route(self, remote: Remote) -> JsonObject:
        """What of that everybody may know: through what a remote's server is asked, and who says so.

        `address` is without a login, empty where it is asked directly, and `?` for what is no address. What
        is of this machine has no route.
        """
        if remote.is_here:
            return {}
        found = self.proxies(remote)
        told = "environment" if remote.proxy is None else "file"
        address = _without_login(get_str(found, "http" if remote.plain_http else "https", ""))
        return {"address": address, "from": told, "direct": found["direct"] if address else []}

    def _proxy(self, scheme: str) -> str:
        return self._variable(f"{scheme}_proxy") or self._variable("all_proxy")

    def _variable(self, name: str) -> str:
        return self.environment.get(name) or self.environment.get(name.upper(), "")

    def _of(self, host: str) -> list[bytes]:
        if self.certificates is None or not host:
            return []
        directory = self.certificates / host
        try:
            names = sorted(os.listdir(directory))  # noqa: PTH208 - glob() hides what cannot be read
        except FileNotFoundError:
            return []
        except OSError as error:
            raise Failed(
                f"{directory}: {error.strerror}", path=str(directory), hint="may the daemon's user read it?"
            ) from error
        return [read_limited(directory / name, CA_BYTES) or b"" for name in names if name.endswith(".crt")]


def _without_login(proxy: str) -> str:
    place = proxy.removeprefix("http://").removesuffix("/").rpartition("@")[2]
    if not proxy:
        return ""
    return f"http://{place}" if _PLACE.fullmatch(place) else "?"
