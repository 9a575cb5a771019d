# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The GPG signatures of one image that count: by a primary key of this remote's own keyring.

Guarantees: what was signed is read only after its signature holds; signatures that do not count are passed
over, never an excuse.
"""

from collections.abc import Container, Mapping, Sequence

from appctld.errors import (
    AppctlError,
    LimitExceeded,
    SignatureMissing,
    Untrusted,
    UntrustedSigner,
)
from appctld.system.sandbox import Launcher
from appctld.trust.claim import parse_claim
from appctld.trust.clock import check_not_ahead
from appctld.trust.evidence import Evidence
from appctld.trust.gpgv import Opened, open_blob
from appctld.trust.keys import Key, KeyringError, read_keyring
from appctld.trust.policy import Policy, openpgp_that_count
from appctld.trust.question import SIGNATURES, Counted, Question, Signer, most_telling
from appctld.trust.status import OpenPgpSignature, short


async def openpgp_signatures(asked: Question, evidence: Evidence, launcher: Launcher) -> Sequence[Counted]:
    """At least one. Raises as `verdict.judge`."""
    keyring, trusted = trusted_keys(asked.remote)
    if not evidence.openpgp:
        raise SignatureMissing(looked_at=list(evidence.looked_at))
    if len(evidence.openpgp) > SIGNATURES:
        raise LimitExceeded(f"more than {SIGNATURES} signatures")
    counted: list[Counted] = []
    refused: list[AppctlError] = []
    for blob in evidence.openpgp:
        try:
            counted.append(_count(asked, await open_blob(blob, keyring, launcher), trusted))
        except (Untrusted, LimitExceeded) as error:
            refused.append(error)
    if not counted:
        raise most_telling(refused).about(trusted=[shown_key(key) for key in trusted.values()])
    return counted


def _count(asked: Question, opened: Opened, trusted: Mapping[str, Key]) -> Counted:
    """Let a good signature count, or raise UntrustedSigner or SignatureInvalid."""
    found = opened.signature
    check_signer(found, trusted, asked.remote.deny_keys, asked.now)
    return asked.count(Signer(found.primary, found.name, found.created), parse_claim(opened.payload))


def check_signer(found: OpenPgpSignature, trusted: Container[str], denied: Container[str], now: int) -> None:
    """Return if a good signature is by a key that counts, and was made by now.

    `trusted` are primary fingerprints without denied ones, what is `denied` may be a subkey's. Raises
    UntrustedSigner, SignatureInvalid.
    """
    if found.primary not in trusted or found.fingerprint in denied:
        raise UntrustedSigner(found=f'{short(found.primary)} "{found.name}"', fingerprints=[found.primary])
    check_not_ahead(found.created, now, "the signature")


def trusted_keys(remote: Policy) -> tuple[bytes, Mapping[str, Key]]:
    """The remote's keyring, and those of its primary keys that count. Raises UntrustedSigner."""
    try:
        keys = read_keyring(remote.keyring or b"")
    except KeyringError as error:
        raise UntrustedSigner(
            f"nothing from remote {remote.name} verifies: its own keyring, {error}"
        ) from error
    counting = openpgp_that_count(remote, {key.fingerprint for key in keys})
    return remote.keyring or b"", {key.fingerprint: key for key in keys if key.fingerprint in counting}


def shown_key(key: Key) -> str:
    """A key as an error's data names it."""
    return " ".join([short(key.fingerprint), *(f'"{name}"' for name in key.names[:1])])
