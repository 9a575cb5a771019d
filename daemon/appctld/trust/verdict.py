# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Whether an image is what its remote's publisher says: the one place that decides.

Guarantees (R6, R7): without a key of its own nothing from a remote verifies; a signature counts only for the
very digest and identity that were asked for, by a key of this remote that is not denied; what was signed is
read only after its signature holds.

Leaves to others: fetching what may speak for an image, and the order of versions (R9), for which `signed_at`
is given.
"""

from appctld.errors import AppctlError, Failed, SignatureMissing
from appctld.model.reference import Reference
from appctld.system.sandbox import Launcher
from appctld.trust.evidence import Evidence
from appctld.trust.gpgv import SIGNATURE_BYTES
from appctld.trust.openpgp import openpgp_signatures
from appctld.trust.policy import Policy
from appctld.trust.question import SIGNATURES, Counted, Question, Signer, Verdict
from appctld.trust.sigstore.signatures import sigstore_signatures

__all__ = ["KINDS", "SIGNATURES", "SIGNATURE_BYTES", "Policy", "Signer", "Verdict", "judge"]

KINDS = {"gpg": ("gpg",), "cosign": ("cosign",), "gpg+cosign": ("gpg", "cosign")}
"""The kinds of signatures that each value of `verify` asks for, every one of them."""


async def judge(
    evidence: Evidence,
    reference: Reference,
    remote: Policy,
    launcher: Launcher,
    now: int,
) -> Verdict:
    """Decide about the manifest that `evidence` is about, asked for as `reference`, as its remote asks.

    `now` is unix seconds.

    Raises:
        SignatureMissing: nothing was found.
        UntrustedSigner: good signatures, by other keys; or the remote has no key at all.
        SignatureInvalid: a signature does not hold, is about something else, or there are too few.
        LimitExceeded: more signatures than are looked at.
    """
    try:
        match remote.verify:
            case verify if verify in KINDS:
                asked = Question(evidence.digest, reference, remote, now)
                return asked.decide(
                    {kind: await _signatures(kind, asked, evidence, launcher) for kind in KINDS[verify]}
                )
            case "digest" if reference.digest == evidence.digest:
                return Verdict("digest", (), tag_bound=False, checked_at=now)
            case "digest":
                raise SignatureMissing(
                    f"remote {remote.name} has no key: give the digest, {reference.name}@sha256:…"
                )
            case "none":
                return Verdict("none", (), tag_bound=False, checked_at=now)
            case _:
                raise Failed(f"remote {remote.name} asks for a verification that this version does not know")
    except AppctlError as error:
        error.about(reference=str(reference), remote=remote.name)
        raise


async def _signatures(
    kind: str, asked: Question, evidence: Evidence, launcher: Launcher
) -> tuple[Counted, ...]:
    """Those of one kind that count, at least one."""
    if kind == "gpg":
        return tuple(await openpgp_signatures(asked, evidence, launcher))
    return tuple(await sigstore_signatures(asked, evidence))
