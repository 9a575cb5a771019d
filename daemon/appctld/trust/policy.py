# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What of a remote's configuration decides, and which of its keys that makes count.

Pure. Guarantees: a fingerprint in the remote's file restricts the kind of keys that it names; one that names
no key here restricts every kind, so that a key which was replaced never widens what counts.
"""

from collections.abc import Collection
from typing import Protocol

from appctld.trust.keys import KeyringError, read_keyring
from appctld.trust.sigstore.keys import KeysError, read_public_keys

OPENPGP_DIGITS = 40  # of a fingerprint that can only be an OpenPGP key's; 64 may be of either kind


class Policy(Protocol):
    """What of a remote's configuration decides."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def verify(self) -> str: ...  # noqa: D102 - gpg, cosign, gpg+cosign, digest or none
    @property
    def keyring(self) -> bytes | None: ...  # noqa: D102 - dearmored
    @property
    def cosign_keys(self) -> bytes | None: ...  # noqa: D102 - PEM
    @property
    def fingerprints(self) -> frozenset[str]: ...  # noqa: D102 - empty: every primary key of the keyring
    @property
    def threshold(self) -> int: ...  # noqa: D102
    @property
    def identity(self) -> str: ...  # noqa: D102 - tag or repository
    @property
    def deny_keys(self) -> frozenset[str]: ...  # noqa: D102


def openpgp_that_count(remote: Policy, held: Collection[str]) -> frozenset[str]:
    """Of the primary keys `held` in the remote's keyring those whose signatures count."""
    return _that_count(remote, held, cosign_fingerprints(remote.cosign_keys))


def cosign_that_count(remote: Policy, held: Collection[str]) -> frozenset[str]:
    """Of the cosign keys `held` those whose signatures count."""
    openpgp = {fingerprint for fingerprint in remote.fingerprints if len(fingerprint) == OPENPGP_DIGITS}
    return _that_count(remote, held, openpgp | openpgp_fingerprints(remote.keyring))


def openpgp_fingerprints(keyring: bytes | None) -> frozenset[str]:
    """The primary keys of a keyring; none where it cannot be read."""
    try:
        return frozenset(key.fingerprint for key in read_keyring(keyring or b""))
    except KeyringError:
        return frozenset()


def cosign_fingerprints(keys: bytes | None) -> frozenset[str]:
    """The cosign keys of a file; none where it cannot be read."""
    try:
        return frozenset(key.fingerprint for key in read_public_keys(keys or b""))
    except KeysError:
        return frozenset()


def _that_count(remote: Policy, held: Collection[str], of_the_other_kind: Collection[str]) -> frozenset[str]:
    restricting = remote.fingerprints.difference(of_the_other_kind)
    return frozenset(held).intersection(restricting or held) - remote.deny_keys
