# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What every signature of one image is held against, and when those that count are enough.

Pure. Guarantees (R7): a signature counts only for the very digest and identity that were asked for; each kind
of signature that the remote asks for reaches the threshold by itself, all over one identity. Whether a
signature holds, and whose it is, was decided before.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from appctld.errors import AppctlError, SignatureInvalid, UntrustedSigner
from appctld.model.digest import Digest
from appctld.model.reference import Reference
from appctld.trust.claim import Claim
from appctld.trust.policy import Policy
from appctld.trust.status import short

SIGNATURES = 32  # signatures of one kind that are looked at; each GPG one costs a process


@dataclass(frozen=True, slots=True)
class Signer:
    """Whose signature counted: primary fingerprint, user ID (foreign text), when it was made (unix time).

    With a cosign key neither a name nor a time is signed: they are empty and 0.
    """

    fingerprint: str
    name: str
    signed_at: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """An image may be installed, and this is why. `tag_bound`: the signers named the very tag."""

    verify: str
    signers: tuple[Signer, ...]
    tag_bound: bool
    checked_at: int


@dataclass(frozen=True, slots=True)
class Counted:
    """A signature that counts, by whom and for what."""

    signer: Signer
    claim: Claim


@dataclass(frozen=True, slots=True)
class Question:
    """One image as it was asked for; `now` is unix seconds."""

    digest: Digest
    reference: Reference
    remote: Policy
    now: int

    def count(self, signer: Signer, claim: Claim) -> Counted:
        """Let the claim of a trusted signer count, or raise SignatureInvalid."""
        if not claim.identity:
            raise SignatureInvalid(
                f"{short(signer.fingerprint)} signed a digest without naming a repository, which says nothing"
                f" about {self.reference}",
                claimed="",
                claimed_digest=str(claim.digest),
            )
        if not self.answered_by(claim):
            raise SignatureInvalid(
                f"{short(signer.fingerprint)} signed {claim.identity} ({claim.digest}), not {self.reference}",
                claimed=claim.identity,
                claimed_digest=str(claim.digest),
            )
        return Counted(signer, claim)

    def answered_by(self, claim: Claim) -> bool:
        """Whether a claim is about this image (R7).

        By tag byte for byte; by digest the repository; without a tag only where the remote says so.
        """
        if claim.digest != self.digest:
            return False
        if not claim.tagged:
            return self.remote.identity == "repository" and claim.identity == self.reference.name
        if self.reference.pinned:
            return claim.repository == self.reference.name
        return claim.identity == str(self.reference)

    def decide(self, counted: Mapping[str, Sequence[Counted]]) -> Verdict:
        """Enough distinct keys of each kind over one identity, or SignatureInvalid.

        `counted` has the signatures of every kind that the remote asks for.
        """
        kinds = {kind: self._enough(kind, found) for kind, found in counted.items()}
        for identity in next(iter(kinds.values())):
            if all(identity in groups for groups in kinds.values()):
                agreed = [one for groups in kinds.values() for one in groups[identity]]
                bound = not self.reference.pinned and all(one.claim.tagged for one in agreed)
                return Verdict("+".join(kinds), tuple(one.signer for one in agreed), bound, self.now)
        named = "; ".join(f"{kind}: {', '.join(groups)}" for kind, groups in kinds.items())
        raise SignatureInvalid(f"{self.reference} is signed under different names ({named})")

    def _enough(self, kind: str, counted: Sequence[Counted]) -> Mapping[str, Sequence[Counted]]:
        """The identities that enough distinct keys agree on, those with a tag first. Or SignatureInvalid."""
        groups: dict[str, dict[str, Counted]] = {}
        for one in sorted(counted, key=lambda one: (not one.claim.tagged, one.signer.signed_at)):
            groups.setdefault(one.claim.identity, {})[one.signer.fingerprint] = one
        enough = {
            identity: tuple(group.values())
            for identity, group in groups.items()
            if len(group) >= self.remote.threshold
        }
        if not enough:
            raise SignatureInvalid(
                f"{self.reference} has {max(map(len, groups.values()), default=0)} of the"
                f" {self.remote.threshold} signatures ({kind}) that remote {self.remote.name} asks for"
            )
        return enough


def most_telling(refused: Iterable[AppctlError]) -> AppctlError:
    """Of several a trusted key's word about something else, then a stranger's signature, then the first."""
    return min(refused, key=_how_telling)


def _how_telling(error: AppctlError) -> int:
    if "claimed" in error.data:
        return 0
    return 1 if isinstance(error, UntrustedSigner) else 2
