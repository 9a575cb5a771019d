# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The URLs of a remote's file, and the prefix of references that a remote covers.

Pure. Guarantees: hosts and paths have the grammar of references, so that a prefix can be compared with one;
plain HTTP stays on this machine unless the file says `insecure=yes`; no credentials, queries or fragments.
"""

import ipaddress
import re
from dataclasses import dataclass

from appctld.errors import InvalidReference
from appctld.model.reference import Reference, looks_like_host, parse_reference

PLAIN = {"oci+https": False, "docker": False, "https": False, "oci+http": True}
"""Schemes of a registry, and whether they mean plain HTTP."""
_WEB_URL = re.compile(r"(https?)://([^/]+)((?:/[A-Za-z0-9._~%+@=,:-]+)*)/?")


@dataclass(frozen=True, slots=True, order=True)
class Prefix:
    """A registry, or a part of it: `path` is whole components of a repository name, empty for all of it."""

    host: str
    path: str

    def covers(self, reference: Reference) -> bool:
        """Whether a reference lies below; `quay.io/acme` does not cover `quay.io/acme-evil`."""
        return self.holds(reference.host, reference.repository)

    def holds(self, host: str, path: str) -> bool:
        """Whether a host's path is this one's, or lies below it."""
        return host == self.host and (not self.path or f"{path}/".startswith(f"{self.path}/"))

    def __str__(self) -> str:
        return f"{self.host}/{self.path}" if self.path else self.host


def parse_url(text: str, *, insecure: bool) -> tuple[Prefix, bool]:
    """The prefix of a remote's `url`, and whether its registry speaks plain HTTP. Raises InvalidReference."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "https", text
    if scheme not in PLAIN:
        raise InvalidReference(
            f"'{text}': a remote's URL starts with {', '.join(f'{name}://' for name in PLAIN)}"
        )
    prefix = parse_prefix(rest.removesuffix("/"), text)
    if PLAIN[scheme]:
        _check_plain_http(prefix.host, f"'{text}'", insecure=insecure)
    return prefix, PLAIN[scheme]


def check_web_url(key: str, text: str, *, insecure: bool) -> str:
    """The URL at `key` (lookaside, auth-realm), without a slash at its end. Raises InvalidReference."""
    match = _WEB_URL.fullmatch(text)
    if not match or not looks_like_host(match[2]):
        raise InvalidReference(f"{key}: '{text}' is no plain URL (https://HOST/PATH)")
    if match[1] == "http":
        _check_plain_http(match[2], f"{key}: '{text}'", insecure=insecure)
    return text.removesuffix("/")


def is_loopback(host: str) -> bool:
    """Whether `host[:port]` is this machine itself."""
    bare = host[1 : host.index("]")] if host.startswith("[") and "]" in host else host.partition(":")[0]
    try:
        return bare == "localhost" or ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False


def parse_prefix(text: str, what: str) -> Prefix:
    """Host and path under the grammar of references: a tag or a digest at the end is refused too.

    `what` is what was given. Raises InvalidReference.
    """
    host, slash, path = text.partition("/")
    try:
        parse_reference(f"{host}/{path if slash else 'any'}:any")
    except InvalidReference as error:
        raise InvalidReference(
            f"'{what}' is no registry or part of one (https://HOST[:PORT][/PATH])"
        ) from error
    return Prefix(host, path)


def _check_plain_http(host: str, what: str, *, insecure: bool) -> None:
    if not insecure and not is_loopback(host):
        raise InvalidReference(f"{what}: plain HTTP is for loopback; elsewhere it needs insecure=yes")
