# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The public keys that a remote's cosign signatures are held against: PEM in, values with fingerprints out.

Guarantees: public keys and nothing else; a file with a private key is refused whole, in words, so that nobody
leaves one where every user of the machine can read it. About configuration only, never about a registry's.
"""

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from appctld.trust.sigstore.crypto import Loaded

KEYS = 32  # as many as signatures are looked at: each signature is held against each key
KEYS_BYTES = 64 << 10  # 32 keys of RSA-8192 have 48 KiB
LABEL = "PUBLIC KEY"
_BLOCK = re.compile(
    r"\s*-----BEGIN (?P<label>[A-Z0-9 ]+)-----(?P<body>[^-]*)-----END (?P=label)-----", re.ASCII
)


class KeysError(ValueError):
    """Bytes that are no public keys in PEM form; says what "it" is: `holds a private key`."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that may sign, and the SHA-256 of its DER form in upper-case hexadecimal."""

    fingerprint: str
    loaded: "Loaded" = field(repr=False)

    def made(self, signature: bytes, message: bytes) -> bool:
        """Whether it made that signature over that message."""
        from appctld.trust.sigstore import crypto  # noqa: PLC0415 - see there

        return crypto.holds(self.loaded, signature, message)


def read_public_keys(data: bytes) -> tuple[PublicKey, ...]:
    """The distinct keys, in the file's order (RFC 7468). Raises KeysError."""
    if not data.strip():
        raise KeysError("holds no key")
    from appctld.trust.sigstore import crypto  # noqa: PLC0415 - see there

    keys: dict[str, PublicKey] = {}
    for der in _blocks(data):
        try:
            loaded = crypto.load(der)
        except ValueError as error:
            raise KeysError(str(error)) from error
        fingerprint = crypto.fingerprint(loaded)
        keys[fingerprint] = PublicKey(fingerprint, loaded)
    if len(keys) > KEYS:
        raise KeysError(f"holds more than {KEYS} keys")
    return tuple(keys.values())


def write_public_keys(keys: Iterable[PublicKey]) -> bytes:
    """The file that holds these keys."""
    from appctld.trust.sigstore import crypto  # noqa: PLC0415 - see there

    return b"".join(crypto.pem(key.loaded) for key in keys)


def _blocks(data: bytes) -> Iterable[bytes]:
    """What the PEM blocks hold; between them stands nothing but white space."""
    text = _text(data)
    at = 0
    while text[at:].strip():
        found = _BLOCK.match(text, at)
        if found is None:
            raise KeysError("is no file of PEM blocks")
        if found["label"] != LABEL:
            raise KeysError(f"holds a block '{found['label'][:40]}', and no public key")
        yield _decoded(found["body"])
        at = found.end()


def _text(data: bytes) -> str:
    if len(data) > KEYS_BYTES:
        raise KeysError(f"has more than {KEYS_BYTES} bytes")
    text = data.decode("ascii", "replace")
    if "PRIVATE KEY-----" in text:
        raise KeysError("holds a private key, which belongs to nobody but its owner: give the public one")
    return text


def _decoded(body: str) -> bytes:
    try:
        return base64.b64decode("".join(body.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise KeysError("holds a block that is no public key") from error
