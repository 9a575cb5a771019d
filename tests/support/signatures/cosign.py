# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What cosign writes, made with `cryptography`: keys, signatures over payloads, and bundles.

The forms are those of the golden attachment (tests/fixtures/README.md) and of cosign 3's `sign`: a DSSE
envelope around an in-toto statement whose one subject has a digest and no name.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from appctld.trust.evidence import Attachment, Bundle

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://sigstore.dev/cosign/sign/v1"
IN_TOTO = "application/vnd.in-toto+json"
_MAKERS: Mapping[str, Callable[[], Any]] = {
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "k256": lambda: ec.generate_private_key(ec.SECP256K1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ed448": ed448.Ed448PrivateKey.generate,
    "rsa1024": lambda: rsa.generate_private_key(65537, 1024),  # noqa: S505 - to be refused
    "rsa2048": lambda: rsa.generate_private_key(65537, 2048),
    "rsa3072": lambda: rsa.generate_private_key(65537, 3072),
    "dsa": lambda: dsa.generate_private_key(2048),
}


class CosignKey:
    """A key pair of a kind in `_MAKERS`."""

    def __init__(self, kind: str = "p256") -> None:
        self._private = _MAKERS[kind]()
        public = self._private.public_key()
        self.pem: bytes = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.der: bytes = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.fingerprint = hashlib.sha256(self.der).hexdigest().upper()

    @property
    def private_pem(self) -> bytes:
        """What nobody should ever send to anybody."""
        return bytes(self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    def sign(self, message: bytes, hashed: hashes.HashAlgorithm | None = None) -> bytes:
        """A signature with SHA-256, or with `hashed`."""
        match self._private:
            case ec.EllipticCurvePrivateKey():
                return self._private.sign(message, ec.ECDSA(hashed or hashes.SHA256()))
            case rsa.RSAPrivateKey():
                return self._private.sign(message, padding.PKCS1v15(), hashed or hashes.SHA256())
            case _:
                return bytes(self._private.sign(message))

    def sign_pss(self, message: bytes) -> bytes:
        """An RSA signature of the other kind."""
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
        return bytes(self._private.sign(message, pss, hashes.SHA256()))

    def attach(self, digest: str, identity: str, **changes: object) -> Attachment:
        """What `cosign sign --key` attaches to `digest`, with `changes` in its payload."""
        signed = cosign_payload(digest, identity, **changes)
        return Attachment(signed, self.sign(signed))

    def bundle(self, statement: Mapping[str, object]) -> Bundle:
        """What cosign 3 attaches: a statement in an envelope."""
        content = json.dumps(statement).encode()
        return Bundle(enveloped(content, self.sign(pae(content))))

    def message_bundle(self, signed: bytes) -> Bundle:
        """A bundle that signs bytes which lie beside it."""
        message = {
            "messageDigest": {"algorithm": "SHA2_256", "digest": _text(hashlib.sha256(signed).digest())},
            "signature": _text(self.sign(signed)),
        }
        return Bundle(with_members(messageSignature=message), signed)


def cosign_payload(digest: str, identity: str, **changes: object) -> bytes:
    """A simple-signing payload as cosign writes it."""
    critical = {
        "identity": {"docker-reference": identity},
        "image": {"docker-manifest-digest": digest},
        "type": "cosign container image signature",
    }
    return json.dumps({"critical": critical, "optional": None, **changes}, separators=(",", ":")).encode()


def statement(digest: str, name: str = "", **changes: object) -> dict[str, object]:
    """The statement that cosign 3 signs; it gives no name."""
    subject: dict[str, object] = {"digest": {"sha256": digest.removeprefix("sha256:")}}
    if name:
        subject["name"] = name
    return {"_type": STATEMENT, "subject": [subject], "predicateType": PREDICATE, "predicate": {}, **changes}


def pae(content: bytes, kind: str = IN_TOTO) -> bytes:
    """What DSSE signs."""
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(content), content)


def enveloped(content: bytes, *signatures: bytes, kind: str = IN_TOTO) -> bytes:
    """A bundle around an envelope with these signatures."""
    envelope = {
        "payload": _text(content),
        "payloadType": kind,
        "signatures": [{"sig": _text(signature)} for signature in signatures],
    }
    return with_members(dsseEnvelope=envelope)


def with_members(**members: object) -> bytes:
    """A bundle by a key, with `members`."""
    hint = {"publicKey": {"hint": "aGludA=="}}
    return json.dumps({"mediaType": BUNDLE, "verificationMaterial": hint, **members}).encode()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
