# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Mirrors of a registry: where the layers of a remote's images may lie as well.

Pure. A mirror stands in for the remote's prefix: what is `quay.io/acme/editor` at the remote `quay.io/acme`
is `mirror.corp/acme/editor` at its mirror `https://mirror.corp/acme`. It is never trusted: tags, manifests
and signatures come from the remote itself, and what a mirror serves is hashed like everything else.
"""

from dataclasses import dataclass, replace

from appctld.config.urls import Prefix, parse_url
from appctld.errors import InvalidReference
from appctld.model.reference import Reference

MIRRORS = 8  # more would only make a layer that none has slower to get


@dataclass(frozen=True, slots=True)
class Mirror:
    """One mirror, as it was given and as it is reached."""

    url: str
    prefix: Prefix
    plain_http: bool

    def stand_in(self, covered: Prefix, reference: Reference) -> Reference:
        """The same image there; `covered` is the remote's own prefix."""
        rest = reference.repository[len(covered.path) :].strip("/")
        repository = "/".join(part for part in (self.prefix.path, rest) if part)
        return replace(reference, host=self.prefix.host, repository=repository)


def read_mirrors(key: str, words: list[str], *, insecure: bool) -> tuple[Mirror, ...]:
    """The mirrors that a setting names. Raises InvalidReference."""
    if len(words) > MIRRORS:
        raise InvalidReference(f"{key}: more than {MIRRORS} of them")
    return tuple(Mirror(word, *parse_url(word, insecure=insecure)) for word in words)
