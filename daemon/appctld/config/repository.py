# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The URL of a remote that is an OSTree repository.

Guarantees: a URL has one spelling here, so that two remotes of one repository are seen; plain HTTP stays on
this machine.
"""

from dataclasses import dataclass
from pathlib import Path

from appctld.config.directory import plain_path
from appctld.config.urls import is_loopback
from appctld.errors import InvalidReference
from appctld.model.reference import looks_like_host

SCHEMES = {"ostree+https": "https", "ostree+http": "http"}
OWN_PORTS = {"ostree+https": "443", "ostree+http": "80"}
LOCAL = "ostree:"


@dataclass(frozen=True, slots=True, order=True)
class Repository:
    """An OSTree repository; `url` is what libostree is given: https://, http:// or file://."""

    url: str

    @property
    def directory(self) -> Path | None:
        """Where it is on this machine, if it is."""
        return Path(self.url.removeprefix("file://")) if self.url.startswith("file://") else None

    @property
    def host(self) -> str:
        """HOST[:PORT] of its server; empty for a directory."""
        return self.url.partition("://")[2].partition("/")[0]

    def __str__(self) -> str:
        return f"{LOCAL}{self.directory}" if self.directory else f"ostree+{self.url}"


def is_repository(url: str) -> bool:
    """Whether a remote's `url` means an OSTree repository."""
    return url.startswith((LOCAL, *(f"{scheme}:" for scheme in SCHEMES)))


def parse_repository(url: str) -> Repository:
    """Read `ostree+https://HOST/PATH`, `ostree+http://` (loopback only) or `ostree:/DIRECTORY`.

    Raises InvalidReference.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in SCHEMES:
        return Repository(f"file://{plain_path(url.removeprefix(LOCAL), url)}")
    host, slash, path = rest.partition("/")
    if not looks_like_host(host):
        raise InvalidReference(f"'{url}' names no host (ostree+https://HOST[:PORT]/PATH)")
    port = host.rpartition("]")[2].partition(":")[2]
    if port.startswith("0") or port == OWN_PORTS[scheme]:
        raise InvalidReference(f"'{url}': leave out the scheme's own port, and zeros before another")
    if scheme == "ostree+http" and not is_loopback(host):
        raise InvalidReference(f"'{url}': plain HTTP is for loopback")
    return Repository(f"{SCHEMES[scheme]}://{host}{plain_path(slash + path, url) if path else ''}")
