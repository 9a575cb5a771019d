# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Signatures of a digest from a lookaside, `<lookaside>/<repository>@sha256=<hex>/signature-N`.

Guarantees: no credential is ever sent there, at most 32 blobs of 64 KiB are read, and every address that was
asked is reported, so that "has no signature" can say where we looked. What the blobs are worth, trust says.
"""

from dataclasses import dataclass, field

from appctld.model.digest import Digest
from appctld.workers.fetch.http.redirects import follow
from appctld.workers.fetch.http.session import Session
from appctld.workers.net.address import Url

SIGNATURES = 32  # more keys than any publisher signs with; each costs a gpgv (docs/rules.md, "Signatures")
SIGNATURE_BYTES = 64 << 10  # gpgv's sandbox takes no more; a real one has under 2 KiB
_OK = 200
_ABSENT = frozenset({404, 410})


@dataclass(slots=True)
class Found:
    """The blobs in their order, and each address asked with the status it gave."""

    blobs: list[bytes] = field(default_factory=list)
    looked_at: list[tuple[str, int]] = field(default_factory=list)


def collect(session: Session, lookaside: Url, repository: str, digest: Digest) -> Found:
    """Read signature-1, -2, … until one is absent. Raises LimitExceeded, CredentialScope, Transport."""
    found = Found()
    base = f"{lookaside.target.rstrip('/')}/{repository}@{str(digest).replace(':', '=')}"
    for number in range(1, SIGNATURES + 1):
        url = Url(lookaside.origin, f"{base}/signature-{number}")
        with follow(session, url, {}, None) as answer:
            found.looked_at.append((url.shown, answer.status))
            if answer.status in _ABSENT:
                break
            if answer.status != _OK:
                raise answer.unwanted()
            found.blobs.append(answer.read(SIGNATURE_BYTES))
    return found
