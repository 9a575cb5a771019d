# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The one module that knows `cryptography`: keys of the kinds that cosign signs with, and one question.

Guarantees: other kinds of keys, other curves and weak ones are never loaded, so nothing can be signed with
them. Importing this costs tens of milliseconds, which most machines never need: `keys.py` does it
when a key is first read.
"""

import hashlib

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

RSA_BITS = range(2048, 8193)  # less is broken; more takes a signature's checker a millisecond and longer
CURVES = {
    "secp256r1": (SHA256(),),
    "secp384r1": (
        SHA256(),
        SHA384(),
    ),  # cosign up to 2.4 hashes with SHA-256 whatever the curve, later ones not
}

Loaded = ec.EllipticCurvePublicKey | Ed25519PublicKey | RSAPublicKey


def load(der: bytes) -> Loaded:
    """One key from its SubjectPublicKeyInfo (RFC 5280, 4.1.2.7). Raises ValueError in words about the key."""
    try:
        key = load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("holds a block that is no public key") from error
    match key:
        case ec.EllipticCurvePublicKey() if key.curve.name in CURVES:
            return key
        case RSAPublicKey() if key.key_size in RSA_BITS:
            return key
        case Ed25519PublicKey():
            return key
        case _:
            raise ValueError(
                "holds a key that does not count: ECDSA P-256 or P-384, Ed25519, or RSA of 2048 bits and more"
            )


def fingerprint(key: Loaded) -> str:
    """SHA-256 of the key's DER form, upper-case hexadecimal: one for one key, however its file spells it."""
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest().upper()


def pem(key: Loaded) -> bytes:
    """The key as a file holds it."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def holds(key: Loaded, signature: bytes, message: bytes) -> bool:
    """Whether this key made that signature over that message."""
    match key:
        case ec.EllipticCurvePublicKey():
            return any(_ecdsa(key, signature, message, ec.ECDSA(hashed)) for hashed in CURVES[key.curve.name])
        case RSAPublicKey():
            return _rsa(key, signature, message)
        case Ed25519PublicKey():
            return _ed25519(key, signature, message)


def _ecdsa(key: ec.EllipticCurvePublicKey, signature: bytes, message: bytes, algorithm: ec.ECDSA) -> bool:
    try:
        key.verify(signature, message, algorithm)
    except InvalidSignature:
        return False
    return True


def _rsa(key: RSAPublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message, padding.PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def _ed25519(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    """Ed25519 itself; of the prehashed kind, which cosign since 2.6 makes, `cryptography` knows nothing."""
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True
