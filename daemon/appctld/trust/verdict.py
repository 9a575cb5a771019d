# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Whether an image is what its remote's publisher says: the one place that decides.

Guarantees (R6, R7): without a key of its own nothing from a remote verifies; a signature counts only for the
very digest and identity that were asked for, by a primary key of this remote that is not denied; what was
signed is read only after its signature holds. Signatures that do not count are passed over, never an excuse.

Leaves to others: fetching the blobs, and the order of versions (R9), for which `signed_at` is given.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from appctld.errors import (
    AppctlError,
    Failed,
    LimitExceeded,
    SignatureInvalid,
    SignatureMissing,
    Untrusted,
    UntrustedSigner,
)
from appctld.model.digest import Digest
from appctld.model.reference import Reference
from appctld.system.sandbox import Launcher
from appctld.trust.claim import Claim, parse_claim
from appctld.trust.clock import check_not_ahead
from appctld.trust.evidence import Evidence
from appctld.trust.gpgv import SIGNATURE_BYTES, Opened, open_blob
from appctld.trust.keys import Key, KeyringError, read_keyring
from appctld.trust.status import short

__all__ = ["SIGNATURES", "SIGNATURE_BYTES", "Policy", "Signer", "Verdict", "judge"]

SIGNATURES = 32  # signatures of one image that are looked at; each costs a process


class Policy(Protocol):
    """What of a remote's configuration decides."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def verify(self) -> str: ...  # noqa: D102 - gpg, digest or none
    @property
    def keyring(self) -> bytes | None: ...  # noqa: D102 - dearmored
    @property
    def fingerprints(self) -> frozenset[str]: ...  # noqa: D102 - empty: every primary key of the keyring
    @property
    def threshold(self) -> int: ...  # noqa: D102
    @property
    def identity(self) -> str: ...  # noqa: D102 - tag or repository
    @property
    def deny_keys(self) -> frozenset[str]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Signer:
    """Whose signature counted: primary fingerprint, user ID (foreign text), when it was made (unix time)."""

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
class _Counted:
    """A signature that counts, by whom and for what."""

    signer: Signer
    claim: Claim


@dataclass(frozen=True, slots=True)
class _Question:
    """What every signature of one image is held against."""

    digest: Digest
    reference: Reference
    remote: Policy
    now: int

    def count(self, opened: Opened, trusted: Mapping[str, Key]) -> _Counted:
        """Let a good signature count, or raise UntrustedSigner or SignatureInvalid."""
        found = opened.signature
        if found.primary not in trusted or found.fingerprint in self.remote.deny_keys:
            raise UntrustedSigner(
                found=f'{short(found.primary)} "{found.name}"', fingerprints=[found.primary]
            )
        check_not_ahead(found.created, self.now, "the signature")
        claim = parse_claim(opened.payload)
        if claim.digest != self.digest or not self._names(claim):
            raise SignatureInvalid(
                f"{short(found.primary)} signed {claim.identity} ({claim.digest}), not {self.reference}",
                claimed=claim.identity,
                claimed_digest=str(claim.digest),
            )
        return _Counted(Signer(found.primary, found.name, found.created), claim)

    def _names(self, claim: Claim) -> bool:
        """R7: by tag byte for byte; by digest the repository; without a tag only where the remote says so."""
        if not claim.tagged:
            return self.remote.identity == "repository" and claim.identity == self.reference.name
        if self.reference.pinned:
            return claim.repository == self.reference.name
        return claim.identity == str(self.reference)

    def decide(self, counted: Sequence[_Counted]) -> Verdict:
        """Enough distinct primary keys over one identity, or SignatureInvalid."""
        groups: dict[str, dict[str, _Counted]] = {}
        for one in sorted(counted, key=lambda one: (not one.claim.tagged, one.signer.signed_at)):
            groups.setdefault(one.claim.identity, {})[one.signer.fingerprint] = one
        for group in groups.values():
            if len(group) >= self.remote.threshold:
                bound = not self.reference.pinned and all(one.claim.tagged for one in group.values())
                return Verdict("gpg", tuple(one.signer for one in group.values()), bound, self.now)
        most = max(map(len, groups.values()))
        raise SignatureInvalid(
            f"{self.reference} has {most} of the {self.remote.threshold} signatures that remote"
            f" {self.remote.name} asks for"
        )


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
            case "gpg":
                return await _by_signatures(
                    _Question(evidence.digest, reference, remote, now), evidence, launcher
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


async def _by_signatures(asked: _Question, evidence: Evidence, launcher: Launcher) -> Verdict:
    keyring, trusted = _trusted(asked.remote)
    if not evidence.openpgp:
        raise SignatureMissing(looked_at=list(evidence.looked_at))
    if len(evidence.openpgp) > SIGNATURES:
        raise LimitExceeded(f"more than {SIGNATURES} signatures")
    counted: list[_Counted] = []
    refused: list[AppctlError] = []
    for blob in evidence.openpgp:
        try:
            opened = await open_blob(blob, keyring, launcher)
            counted.append(asked.count(opened, trusted))
        except (Untrusted, LimitExceeded) as error:
            refused.append(error)
    if not counted:
        raise min(refused, key=_how_telling).about(trusted=[_shown(key) for key in trusted.values()])
    return asked.decide(counted)


def _trusted(remote: Policy) -> tuple[bytes, Mapping[str, Key]]:
    """The remote's keyring, and those of its primary keys that count."""
    try:
        keys = read_keyring(remote.keyring or b"")
    except KeyringError as error:
        raise UntrustedSigner(
            f"nothing from remote {remote.name} verifies: its own keyring, {error}"
        ) from error
    wanted = remote.fingerprints or frozenset(key.fingerprint for key in keys)
    return remote.keyring or b"", {
        key.fingerprint: key for key in keys if key.fingerprint in wanted - remote.deny_keys
    }


def _how_telling(error: AppctlError) -> int:
    """Of several refusals report a trusted key's word about something else, then a stranger's signature."""
    if "claimed" in error.data:
        return 0
    return 1 if isinstance(error, UntrustedSigner) else 2


def _shown(key: Key) -> str:
    return " ".join([short(key.fingerprint), *(f'"{name}"' for name in key.names[:1])])
