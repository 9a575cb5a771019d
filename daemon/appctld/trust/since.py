# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Why signatures that once counted do not count any more, in words. Pure; decides nothing."""

from collections.abc import Iterable

from appctld.errors import AppctlError
from appctld.trust.native.ed25519 import fingerprint as name_of
from appctld.trust.native.signatures import CommitPolicy
from appctld.trust.policy import (
    cosign_fingerprints,
    cosign_that_count,
    openpgp_fingerprints,
    openpgp_that_count,
)
from appctld.trust.status import REASONS, short

_REVOKED, _KEY_EXPIRED = REASONS["REVKEYSIG"], REASONS["EXPKEYSIG"]


def since(fingerprints: Iterable[str], remote: CommitPolicy, error: AppctlError) -> str:
    """What became of the keys that signed, where the same signatures now end in `error`."""
    found = [f"{short(name)} was {fate}" for name in fingerprints if (fate := _fate(name, remote))]
    if found:
        return f"since then key {', '.join(found)}"
    if _REVOKED in error.message:
        return "since then the key was revoked"
    if _KEY_EXPIRED in error.message:
        return "since then the key has expired"
    return f"now: {error.message}"


def count_no_more(fingerprints: Iterable[str], remote: CommitPolicy) -> str:
    """What became of keys whose signatures count no more, where enough others do."""
    fates = ((short(name), _fate(name, remote)) for name in fingerprints)
    found = [f"{name} was {fate}" if fate else f"{name} counts no more" for name, fate in fates]
    return f"since then key {', '.join(found)}"


def _fate(fingerprint: str, remote: CommitPolicy) -> str:
    """What the remote's file or keys say about a key; empty if nothing against it."""
    openpgp, cosign = openpgp_fingerprints(remote.keyring), cosign_fingerprints(remote.cosign_keys)
    native = {name_of(key) for key in remote.ed25519_keys}
    if fingerprint in remote.deny_keys:
        return "denied"
    if fingerprint not in openpgp | cosign | native:
        return "removed from the remote's keys"
    count = openpgp_that_count(remote, openpgp) | cosign_that_count(remote, cosign) | native
    return "" if fingerprint in count else "taken off the remote's fingerprints"
