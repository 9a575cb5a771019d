# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Whether a publisher's keyring update may be applied to a remote.

Guarantees: what is said is read only after as many of the keys that count now have signed it as the remote
asks for, byte for byte the same; it is for this remote and this time; as many of the keys to come have signed
it as will be asked for, so that nobody can lock a remote to keys that sign nothing; a denied key counts on
neither side and stays denied; a key that the remote holds revoked stays revoked; a threshold that other kinds
of keys share stays as it is.

Leaves to others: that no earlier update is applied again, that no key comes back which earlier ones revoked
(jobs/publishers/rotation.py), and writing it.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from appctld.errors import (
    AppctlError,
    InvalidReference,
    LimitExceeded,
    SignatureInvalid,
    Untrusted,
    UntrustedSigner,
)
from appctld.model.digest import Digest
from appctld.system.sandbox import Launcher
from appctld.trust.clock import check_clock, date
from appctld.trust.gpgv import open_blob
from appctld.trust.keys import Key, read_keyring, revoked_parts, unrevoked_parts
from appctld.trust.keyset import KeySet, parse_keyset, read_messages
from appctld.trust.openpgp import check_signer, trusted_keys
from appctld.trust.policy import Policy
from appctld.trust.status import short

LIFETIME = 400 * 24 * 3600  # seconds: a year and a month; a longer life would be one that nobody plans for

Import = Callable[[bytes], Awaitable[tuple[bytes, tuple[str, ...]]]]


@dataclass(frozen=True, slots=True)
class Rotation:
    """The keys of a remote from now on; `fingerprints` are those that count, so no denied one is among them.

    `payload` is the digest of what was signed. `revoked` are the keys and subkeys that the remote holds
    revoked now or from now on, `unrevoked` those that come without a revocation.
    """

    serial: int
    payload: Digest
    keyring: bytes
    fingerprints: tuple[str, ...]
    threshold: int
    revoked: frozenset[str]
    unrevoked: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Side:
    """Keys of which enough must have signed: those that count now, or those to come."""

    keyring: bytes
    trusted: Mapping[str, Key]
    threshold: int
    which: str


async def judge_update(
    update: bytes, remote: Policy, import_keys: Import, launcher: Launcher, now: int
) -> Rotation:
    """Decide about the file of a keyring update for a remote. `now` is unix seconds.

    Raises the Untrusted leaves with words about the reason, LimitExceeded for sizes, Expired for a clock that
    cannot be right.
    """
    try:
        check_clock(now)
        messages = read_messages(update)
        current = _current(remote)
        payload = await _agreed(current, messages, remote, launcher, now)
        keys = parse_keyset(payload)
        _check_statement(keys, remote, now)
        coming = _coming(keys, await _imported(keys, import_keys), remote)
        rotation = _rotation(keys, payload, current, coming)
        check_revoked(rotation, rotation.revoked, remote.name)
        if await _agreed(coming, messages, remote, launcher, now) != payload:
            raise SignatureInvalid("the new keys signed another keyring update than those that count now")
    except AppctlError as error:
        error.about(remote=remote.name)
        raise
    return rotation


def _current(remote: Policy) -> _Side:
    """The keys that count now. Raises UntrustedSigner where a remote's images are not verified by any."""
    if "gpg" not in remote.verify.split("+"):
        raise UntrustedSigner(
            f"remote {remote.name} verifies by {remote.verify}: there is no key that could sign for new ones"
        )
    keyring, trusted = trusted_keys(remote)
    return _Side(keyring, trusted, remote.threshold, f"the keys that remote {remote.name} trusts now")


async def _agreed(
    side: _Side, messages: Sequence[bytes], remote: Policy, launcher: Launcher, now: int
) -> bytes:
    """What enough keys of one side signed, all the same."""
    signers: defaultdict[bytes, set[str]] = defaultdict(set)
    refused: list[AppctlError] = []
    for message in messages:
        try:
            opened = await open_blob(message, side.keyring, launcher)
            check_signer(opened.signature, side.trusted, remote.deny_keys, now)
            signers[opened.payload].add(opened.signature.primary)
        except (Untrusted, LimitExceeded) as error:
            refused.append(error)
    if not signers:
        raise _nobody(side, refused)
    if len(signers) > 1:
        raise SignatureInvalid("the signers of this keyring update did not sign the same")
    ((payload, found),) = signers.items()
    if len(found) < side.threshold:
        raise SignatureInvalid(
            f"{len(found)} of {side.which} signed this keyring update, not {side.threshold}"
        )
    return payload


def _nobody(side: _Side, refused: Sequence[AppctlError]) -> Untrusted:
    """None of a side's keys counts: whose signatures there are, and what is wrong with the others."""
    strangers = [str(error.data["found"]) for error in refused if "found" in error.data]
    reasons = [error.message for error in refused if "found" not in error.data]
    found = "; ".join([*(f"it is signed by {name}" for name in strangers), *reasons])
    return UntrustedSigner(f"none of {side.which} signed this keyring update ({found})")


def _check_statement(keys: KeySet, remote: Policy, now: int) -> None:
    """It is for this remote, and for now."""
    if keys.remote != remote.name:
        raise SignatureInvalid(
            f"this keyring update is for a remote that is called {keys.remote}, not {remote.name}"
        )
    if keys.expires <= now:
        raise SignatureInvalid(f"this keyring update was good until {date(keys.expires)}")
    if keys.expires > now + LIFETIME:
        raise SignatureInvalid(
            f"this keyring update would be good for more than {LIFETIME // 86400} days,"
            " or this machine's clock is slow"
        )
    if "+" in remote.verify and keys.threshold != remote.threshold:
        raise SignatureInvalid(
            f"this keyring update asks for {keys.threshold} signers of an image: with verify={remote.verify}"
            f" that number, {remote.threshold}, counts for other keys too, and only the administrator sets it"
        )


async def _imported(keys: KeySet, import_keys: Import) -> bytes:
    """The new keyring, as gpg wrote it and read it back."""
    try:
        keyring, fingerprints = await import_keys(b"".join(keys.keys))
    except InvalidReference as error:
        raise SignatureInvalid(f"the keys of this keyring update are not good: {error}") from error
    if sorted(fingerprints) != sorted(keys.fingerprints):
        raise SignatureInvalid("gpg reads other keys in this keyring update than stand in it")
    return keyring


def _coming(keys: KeySet, keyring: bytes, remote: Policy) -> _Side:
    """The keys to come, without those that are denied here: no update lifts that."""
    trusted = {
        key.fingerprint: key for key in read_keyring(keyring) if key.fingerprint not in remote.deny_keys
    }
    if len(trusted) < keys.threshold:
        raise SignatureInvalid(
            f"without the keys that are denied here {len(trusted)} of the new ones are left, and"
            f" {keys.threshold} would have to sign"
        )
    return _Side(keyring, trusted, keys.threshold, "the new keys")


def _rotation(keys: KeySet, payload: bytes, current: _Side, coming: _Side) -> Rotation:
    return Rotation(
        serial=keys.serial,
        payload=Digest.of(payload),
        keyring=coming.keyring,
        fingerprints=tuple(coming.trusted),
        threshold=keys.threshold,
        revoked=revoked_parts(current.keyring) | revoked_parts(coming.keyring),
        unrevoked=unrevoked_parts(coming.keyring),
    )


def check_revoked(rotation: Rotation, revoked: AbstractSet[str], name: str) -> None:
    """A set in which the revocation of one of these is missing brings back a key that was given up."""
    back = rotation.unrevoked & revoked
    if back:
        names = ", ".join(short(part) for part in sorted(back))
        raise SignatureInvalid(f"{names} was revoked, and comes without its revocation", remote=name)
