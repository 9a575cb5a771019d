# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Whose signatures over a commit's bytes count: the first half of the verdict, before the bytes are read.

Guarantees (R6): without a key of its own nothing from a remote verifies; a signature counts only over the
very bytes, by a key of this remote that is not denied; each signer counts once. Signatures that do not count
are passed over, never an excuse. What the bytes say is `bindings.py`'s.
"""

import asyncio
from collections.abc import Iterable, Mapping
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
from appctld.model.ostreeref import AnyReference
from appctld.system.sandbox import Launcher
from appctld.trust.evidence import Evidence
from appctld.trust.gpgv import check_detached
from appctld.trust.native.ed25519 import fingerprint, signing_key
from appctld.trust.openpgp import check_signer, shown_key, trusted_keys
from appctld.trust.policy import Policy
from appctld.trust.question import SIGNATURES, Signer, most_telling
from appctld.trust.status import short


class CommitPolicy(Policy, Protocol):
    """What of an OSTree remote's configuration decides. Its `verify` is gpg, ed25519, gpg+ed25519 or none."""

    @property
    def ed25519_keys(self) -> tuple[bytes, ...]: ...  # noqa: D102 - raw
    @property
    def collection(self) -> str | None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Signed:
    """Who signed the bytes of a commit, as far as they count; nobody where the remote asks for nobody."""

    verify: str
    signers: tuple[Signer, ...]


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked: whether these bytes, named so, are signed as their remote wants."""

    commit: bytes
    evidence: Evidence
    reference: AnyReference
    remote: CommitPolicy
    now: int


async def judge_signatures(
    commit: bytes,
    evidence: Evidence,
    reference: AnyReference,
    remote: CommitPolicy,
    launcher: Launcher,
    now: int,
) -> Signed:
    """Decide who signed `commit`, the bytes that `evidence` is about. `now` is unix seconds.

    Raises:
        SignatureMissing: nothing was found of a kind that is asked for.
        UntrustedSigner: good signatures, by other keys; or the remote has no key at all.
        SignatureInvalid: a signature does not hold, or there are too few.
        LimitExceeded: more signatures than are looked at.
    """
    asked = _Question(commit, evidence, reference, remote, now)
    try:
        match remote.verify:
            case "gpg":
                signers = await _by_openpgp(asked, launcher)
            case "ed25519":
                signers = await _by_ed25519(asked)
            case "gpg+ed25519":
                signers = await _by_openpgp(asked, launcher) + await _by_ed25519(asked)
            case "none":
                signers = ()
            case _:
                raise Failed(f"remote {remote.name} asks for a verification that this version does not know")
    except AppctlError as error:
        error.about(reference=str(reference), remote=remote.name)
        raise
    return Signed(remote.verify, signers)


async def _by_openpgp(asked: _Question, launcher: Launcher) -> tuple[Signer, ...]:
    keyring, trusted = trusted_keys(asked.remote)
    _check_number(asked, asked.evidence.openpgp)
    counted: dict[str, Signer] = {}
    refused: list[AppctlError] = []
    for blob in asked.evidence.openpgp:
        try:
            found = await check_detached(blob, asked.commit, keyring, launcher)
            check_signer(found, trusted, asked.remote.deny_keys, asked.now)
        except (Untrusted, LimitExceeded) as error:
            refused.append(error)
        else:
            counted[found.primary] = Signer(found.primary, found.name, found.created)
    if not counted:
        raise most_telling(refused).about(trusted=[shown_key(key) for key in trusted.values()])
    return _enough(asked, counted)


async def _by_ed25519(asked: _Question) -> tuple[Signer, ...]:
    allowed = [key for key in asked.remote.ed25519_keys if fingerprint(key) not in asked.remote.deny_keys]
    if not allowed:
        raise UntrustedSigner(f"nothing from remote {asked.remote.name} verifies: it has no Ed25519 key")
    _check_number(asked, asked.evidence.ed25519)
    counted: dict[str, Signer] = {}
    for signature in asked.evidence.ed25519:
        key = signing_key(signature, asked.commit, allowed)
        if key is not None:
            counted[fingerprint(key)] = Signer(fingerprint(key), "", 0)  # which tells no time
        await asyncio.sleep(0)  # a large commit takes some 40 ms a key: others have their turn between
    if not counted:
        raise UntrustedSigner(
            f"{asked.reference} has no Ed25519 signature by a key that remote {asked.remote.name} trusts",
            trusted=[short(fingerprint(key)) for key in allowed],
        )
    return _enough(asked, counted)


def _check_number(asked: _Question, found: Iterable[bytes]) -> None:
    count = len(tuple(found))
    if not count:
        raise SignatureMissing(looked_at=list(asked.evidence.looked_at))
    if count > SIGNATURES:
        raise LimitExceeded(f"more than {SIGNATURES} signatures")


def _enough(asked: _Question, counted: Mapping[str, Signer]) -> tuple[Signer, ...]:
    """The signers, oldest signature first, if they are as many as the remote asks for."""
    if len(counted) < asked.remote.threshold:
        raise SignatureInvalid(
            f"{asked.reference} has {len(counted)} of the {asked.remote.threshold} signatures that remote"
            f" {asked.remote.name} asks for"
        )
    return tuple(sorted(counted.values(), key=lambda signer: signer.signed_at))
