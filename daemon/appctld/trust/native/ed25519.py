# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Ed25519 signatures as `ostree sign` makes them: over a commit's bytes, and nothing around them.

Pure. A signature says nothing of who made it: it is tried with each key of the remote.
"""

from collections.abc import Iterable


def signing_key(signature: bytes, signed: bytes, keys: Iterable[bytes]) -> bytes | None:
    """The one of these raw public keys that made the signature, if one of them did (RFC 8032, 5.1.7)."""
    return next((key for key in keys if _holds(signature, signed, key)), None)


def fingerprint(key: bytes) -> str:
    """A key as records and `deny-keys` name it: its 32 bytes in upper-case hexadecimal."""
    return key.hex().upper()


def _holds(signature: bytes, signed: bytes, key: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - tens of milliseconds
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
    except (InvalidSignature, ValueError):
        return False
    return True
