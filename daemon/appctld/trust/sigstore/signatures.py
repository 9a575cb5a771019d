# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The sigstore signatures of one image that count: made with a key that stands beside this remote's file.

Guarantees: what was signed is read only after a key of this remote holds over its very bytes; signatures that
do not count are passed over, never an excuse. Logs and certificates are not looked at: they say nothing about
a key that the administrator put there.
"""

import asyncio
from collections.abc import Collection, Sequence

from appctld.errors import AppctlError, LimitExceeded, SignatureMissing, Untrusted, UntrustedSigner
from appctld.trust.evidence import Attachment, Bundle, Evidence
from appctld.trust.policy import Policy, cosign_that_count
from appctld.trust.question import SIGNATURES, Counted, Question, Signer, most_telling
from appctld.trust.sigstore.keys import KeysError, PublicKey, read_public_keys
from appctld.trust.sigstore.sealed import sealed
from appctld.trust.status import short


async def sigstore_signatures(asked: Question, evidence: Evidence) -> Sequence[Counted]:
    """At least one. Raises as `verdict.judge`."""
    keys, trusted = _trusted(asked.remote)
    found: tuple[Attachment | Bundle, ...] = (*evidence.attachments, *evidence.bundles)
    if not found:
        raise SignatureMissing(looked_at=list(evidence.looked_at))
    if len(found) > SIGNATURES:
        raise LimitExceeded(f"more than {SIGNATURES} signatures")
    counted: list[Counted] = []
    refused: list[AppctlError] = []
    for one in found:
        await asyncio.sleep(0)  # 32 keys times 64 KiB take some milliseconds: others get their turn
        try:
            counted.append(_count(asked, one, keys, trusted))
        except Untrusted as error:
            refused.append(error)
    if not counted:
        raise most_telling(refused).about(trusted=[short(fingerprint) for fingerprint in sorted(trusted)])
    return counted


def _count(
    asked: Question, found: Attachment | Bundle, keys: Sequence[PublicKey], trusted: Collection[str]
) -> Counted:
    """Let a signature that holds count, or raise UntrustedSigner or SignatureInvalid."""
    one = sealed(found)
    key = next((key for key in keys if key.made(one.signature, one.message)), None)
    if key is None:
        raise UntrustedSigner(
            f"{asked.reference} has a signature that none of the keys of remote {asked.remote.name} made"
        )
    if key.fingerprint not in trusted:
        raise UntrustedSigner(found=short(key.fingerprint), fingerprints=[key.fingerprint])
    claims = one.claims()
    claim = next((claim for claim in claims if asked.answered_by(claim)), claims[0])
    return asked.count(Signer(key.fingerprint, "", 0), claim)


def _trusted(remote: Policy) -> tuple[Sequence[PublicKey], Collection[str]]:
    """The remote's cosign keys, and the fingerprints of those that count."""
    try:
        keys = read_public_keys(remote.cosign_keys or b"")
    except KeysError as error:
        raise UntrustedSigner(
            f"nothing from remote {remote.name} verifies: its own file of cosign keys {error}"
        ) from error
    return keys, cosign_that_count(remote, {key.fingerprint for key in keys})
