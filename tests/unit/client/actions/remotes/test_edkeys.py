# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Ed25519 public keys as publishers give them away, and what is none."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from appctl.actions.remotes.edkeys import public_keys
from appctl.failure import Failure

KEYS = [Ed25519PrivateKey.from_private_bytes(bytes([number] * 32)).public_key() for number in (1, 2)]
BASE64 = [base64.b64encode(key.public_bytes_raw()).decode() for key in KEYS]
PEM = [key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo) for key in KEYS]
EC = (
    generate_private_key(SECP256R1())
    .public_key()
    .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
)


def test_base64_as_ostree_sign_has_it() -> None:
    assert public_keys("\n".join(BASE64).encode() + b"\n", "f") == BASE64


def test_pem() -> None:
    assert public_keys(PEM[0], "f") == BASE64[:1]
    assert public_keys(b"".join(PEM), "f") == BASE64


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"nonsense",
        base64.b64encode(bytes(31)),
        base64.b64encode(bytes(64)),
        BASE64[0].encode() + b"\nnonsense",
        PEM[0].replace(b"END PUBLIC", b"END PRIVATE"),
        PEM[0][:60],
        EC,
        bytes(range(256)),
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(Failure, match="holds no Ed25519 public keys"):
        public_keys(data, "file")
