# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a person types to name an image: `host[:port]/repository[:tag|@digest]`.

No default registry, no Docker Hub normalisation, no guessing: `host` must look like one (a dot, a port or
localhost). `remote/name:tag` is expanded by the config room before it comes here.
"""

import re
from dataclasses import dataclass

from appctld.errors import BadManifest, InvalidReference
from appctld.model.digest import Digest

TEXT_LENGTH = 1024  # four times what the distribution specification asks registries to take for a name
REPOSITORY_LENGTH = 255  # distribution-spec: many clients limit host and name together to 255
_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:]{{2,39}}\])(?::(?P<port>[0-9]{{1,5}}))?")
HIGHEST_PORT = 65535
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_UNPRINTABLE = dict.fromkeys((*range(0x20), 0x7F), "?")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True)
class Reference:
    """One image: exactly one of `tag` and `digest` is set."""

    host: str
    repository: str
    tag: str | None
    digest: Digest | None

    @property
    def name(self) -> str:
        """`host[:port]/repository`, without tag or digest."""
        return f"{self.host}/{self.repository}"

    @property
    def pinned(self) -> bool:
        """Named by digest: never updates."""
        return self.digest is not None

    @property
    def target(self) -> str:
        """What the registry is asked for: the tag or the digest."""
        return str(self.digest) if self.digest else str(self.tag)

    def __str__(self) -> str:
        return f"{self.name}@{self.digest}" if self.digest else f"{self.name}:{self.tag}"


def parse_reference(text: str) -> Reference:
    """Read a full reference; without a tag or digest it is `:latest`. Raises InvalidReference.

    Grammar: distribution-spec "Pulling manifests"; a dot, a colon or `localhost` tells a host from a path.
    """
    if len(text) > TEXT_LENGTH:
        raise InvalidReference(f"a reference of {len(text)} characters")
    host, slash, rest = text.partition("/")
    if not slash or not looks_like_host(host):
        raise InvalidReference(f"{_shown(text)} names no registry: write HOST/REPOSITORY:TAG")
    name, digest = _split_digest(rest)
    repository, tag = _split_tag(name)
    if digest and tag:
        raise InvalidReference(f"{_shown(text)} has a tag and a digest: give one of them")
    if not _REPOSITORY.fullmatch(repository) or len(repository) > REPOSITORY_LENGTH:
        raise InvalidReference(
            f"{_shown(text)} is no reference: the repository has characters that none may have"
        )
    if tag is not None and not _TAG.fullmatch(tag):
        raise InvalidReference(f"{_shown(text)} is no reference: the tag has characters that none may have")
    return Reference(host, repository, None if digest else tag or "latest", digest)


def looks_like_host(text: str) -> bool:
    """Whether a reference's first component is a registry and not a remote's name."""
    found = _HOST.fullmatch(text)
    if found is None or int(found["port"] or 0) > HIGHEST_PORT:
        return False
    return "." in text or ":" in text or text == "localhost"


def _split_digest(rest: str) -> tuple[str, Digest | None]:
    name, at, digest = rest.partition("@")
    if not at:
        return rest, None
    try:
        return name, Digest.parse(digest)
    except BadManifest as error:
        raise InvalidReference(
            f"{_shown(digest)} is no digest: write sha256: and 64 hexadecimal digits"
        ) from error


def _split_tag(name: str) -> tuple[str, str | None]:
    repository, colon, tag = name.partition(":")
    return repository, tag if colon else None


def _shown(text: str) -> str:
    """A foreign text, safe in a message: printable ASCII, cut at 80 characters."""
    printable = text[:80].encode("ascii", "backslashreplace").decode().translate(_UNPRINTABLE)
    return f"'{printable}'"
