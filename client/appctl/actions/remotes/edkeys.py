# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Ed25519 public keys as publishers give them away: base64 lines as `ostree sign` has them, or PEM.

The daemon takes the raw 32 bytes in base64; what they are worth is its to say.
"""

import base64
import binascii
from collections.abc import Iterator

from appctl.failure import usage

RAW_BYTES = 32  # of a public key (RFC 8032)
_PREFIX = bytes.fromhex("302a300506032b6570032100")  # of the DER of every such key (RFC 8410, 4)
_BEGIN, _END = "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"


def public_keys(data: bytes, name: str) -> list[str]:
    """Return the keys of the file `name` as base64 of their raw bytes. Raises Failure."""
    text = data.decode("ascii", "replace")
    found = list(_pem(text, name) if _BEGIN in text else (_key(line, name) for line in text.split()))
    if not found:
        raise _wrong(name)
    return found


def _pem(text: str, name: str) -> Iterator[str]:
    for part in text.split(_BEGIN)[1:]:
        body, end, _ = part.partition(_END)
        der = _decoded("".join(body.split()), name)
        if not end or not der.startswith(_PREFIX):
            raise _wrong(name)
        yield _key(base64.b64encode(der.removeprefix(_PREFIX)).decode(), name)


def _key(text: str, name: str) -> str:
    if len(_decoded(text, name)) != RAW_BYTES:
        raise _wrong(name)
    return text


def _decoded(text: str, name: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _wrong(name) from error


def _wrong(name: str) -> Exception:
    return usage(f"{name} holds no Ed25519 public keys: base64 of 32 bytes a line, or PEM")
