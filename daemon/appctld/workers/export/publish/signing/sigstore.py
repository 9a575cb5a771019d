# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Signatures of cosign's kind, made with a private key in a file, and the manifest that carries them.

Guarantees: the key is read from the file and goes nowhere; a key that is none, too weak, or sealed with a
password is refused with a word about what to do. Leaves to others: which tag the manifest gets (placing.py).
A sealed key needs NaCl's secret box, which no library here has.
"""

import base64
import json
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from appctld.errors import InvalidReference, NotFound, UnsupportedMediaType
from appctld.model.digest import Digest
from appctld.model.manifest import OCI_CONFIG, OCI_MANIFEST
from appctld.workers.export.destination import read_whole
from appctld.workers.export.publish.image import descriptor

PAYLOAD = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE = "dev.cosignproject.cosign/signature"
KEY_BYTES = 64 << 10  # a key in PEM has some hundred bytes
_SEALED = b"-----BEGIN ENCRYPTED "
_MAKE_ONE = (
    "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out FILE    (a key without a password)"
)

Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def read_key(path: Path) -> Key:
    """The private key of a file. Raises NotFound, InvalidReference, UnsupportedMediaType."""
    try:
        with path.open("rb") as file:
            data = read_whole(file, KEY_BYTES, str(path))
    except OSError as error:
        raise NotFound(f"{path}: {error.strerror}", hint="--sign-cosign FILE", path=str(path)) from error
    if _SEALED in data:
        hint = f"sign afterwards: cosign sign --key {path} REFERENCE    (cosign asks for the password)"
        raise UnsupportedMediaType(
            f"the key in {path} is sealed with a password, which appctl cannot open", hint=hint
        )
    try:
        key = load_pem_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InvalidReference(f"{path} holds no private key in PEM", hint=_MAKE_ONE) from error
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise InvalidReference(f"the key in {path} is neither ECDSA P-256 nor Ed25519", hint=_MAKE_ONE)


def sign(message: bytes, key: Key) -> bytes:
    """A signature as cosign makes it."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(message)
    return key.sign(message, ec.ECDSA(hashes.SHA256()))


def tag(digest: Digest) -> str:
    """Where the signatures of a manifest are looked for."""
    return f"sha256-{digest.hex}.sig"


def attachment(signed: Sequence[tuple[bytes, bytes]]) -> tuple[bytes, bytes]:
    """(config, manifest) that carry these payloads, each with its signature; the payloads are its layers."""
    digests = [str(Digest.of(message)) for message, _ in signed]
    config = json.dumps(
        {"architecture": "", "os": "", "config": {}, "rootfs": {"type": "layers", "diff_ids": digests}},
        sort_keys=True,
    ).encode()
    layers = [
        {**descriptor(PAYLOAD, message), "annotations": {SIGNATURE: base64.b64encode(signature).decode()}}
        for message, signature in signed
    ]
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(OCI_CONFIG, config),
        "layers": layers,
    }
    return config, json.dumps(manifest, sort_keys=True).encode()
