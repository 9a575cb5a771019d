# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Where a pull comes from and where it goes, read once from the request.

The daemon checked all of it before; it is checked again here, because what is built from it are URLs, paths
and lines of a configuration.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from appctld.errors import CredentialScope, InvalidReference
from appctld.model.jsonvalue import JsonObject, get_str
from appctld.workers.net.address import Url, names_loopback
from appctld.workers.net.proxies import DIRECT, Proxies, parse_proxies

REF_LENGTH = 255  # a ref is a path in the repository; flatpak's longest have about 150 characters
_COMMIT = re.compile(r"[0-9a-f]{64}")
_COMPONENT = r"[A-Za-z0-9_][A-Za-z0-9._-]*"  # libostree takes leading dots too, and so `..`
_REF = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_LOCAL = "file://"


@dataclass(frozen=True, slots=True)
class Source:
    """One repository, and the directory that its objects go to.

    `server` is None for a repository of this machine. `ca` is PEM. `parent` is a repository that holds what
    the remote gave earlier; `have` is its commit of the ref, the one that a delta may start from.
    """

    quarantine: Path
    url: str
    server: Url | None
    ca: str | None
    parent: Path | None
    have: str | None
    proxies: Proxies = DIRECT

    @property
    def place(self) -> str:
        """What messages call it: the host, or the directory."""
        return self.server.origin.netloc if self.server else unquote(self.url.removeprefix(_LOCAL))

    def looked_at(self, path: str, *, there: bool) -> tuple[str, int]:
        """The address of `path` in it, and the status that it answers with; 0 without a server."""
        status = 200 if there else 404  # libostree takes 403 and 410 for absent too
        return f"{self.url.rstrip('/')}/{path}", status if self.server else 0


def parse_source(request: JsonObject) -> Source:
    """The members of a request that every operation has.

    Raises InvalidReference, CredentialScope (plain HTTP that leaves this machine).
    """
    url, parent, have = get_str(request, "url"), get_str(request, "parent", ""), get_str(request, "have", "")
    server = None if url.startswith(_LOCAL) else _server(url)
    return Source(
        Path(get_str(request, "quarantine")),
        str(server) if server else _directory(unquote(url.removeprefix(_LOCAL))).as_uri(),
        server,
        get_str(request, "ca", "") or None,
        _directory(parent) if parent else None,
        check_commit(have) if have else None,
        parse_proxies(request),
    )


def check_commit(text: str) -> str:
    """Give back a commit's checksum. Raises InvalidReference."""
    if not _COMMIT.fullmatch(text):
        raise InvalidReference(f"{text[:80]!r} is not the name of a commit")
    return text


def check_ref(text: str) -> str:
    """Give back a ref that stays below refs/ and is no commit's checksum. Raises InvalidReference."""
    if len(text) > REF_LENGTH or not _REF.fullmatch(text) or _COMMIT.fullmatch(text):
        raise InvalidReference(f"{text[:80]!r} is not the name of a ref")
    return text


def _server(text: str) -> Url:
    try:
        url = Url.parse(text)
    except ValueError as error:
        raise InvalidReference("the address of this remote is no plain http or https address") from error
    if "?" in url.target:
        raise InvalidReference("the address of this remote has a query")
    if url.origin.scheme == "http" and not names_loopback(url.origin.host):
        raise CredentialScope(f"plain HTTP to {url.origin.host}: it is for this machine only")
    return url


def _directory(text: str) -> Path:
    path = Path(text)
    if not path.is_absolute() or ".." in path.parts or not text.isprintable():
        raise InvalidReference(f"{text[:80]!r} is not the path of a repository")
    return path
