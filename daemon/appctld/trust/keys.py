# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which keys a dearmored keyring holds, by their primary fingerprints.

Pure, and about configuration only: the keyring is the administrator's file, already imported and read back by
gpg. gpgv decides whether a signature is good; this only says, in words, whom a remote trusts.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

SIGNATURE, PUBLIC_KEY, USER_ID, SUBKEY = 2, 6, 13, 14
REVOCATIONS = frozenset({0x20, 0x28})  # of a key, of a subkey; each stands behind what it revokes
SECRET = frozenset({5, 7})
_OLD_LENGTHS = {0: 1, 1: 2, 2: 4}  # RFC 4880, 4.2.1; 3 is "to the end", which no keyring needs


class KeyringError(ValueError):
    """Bytes that are no dearmored public keyring."""


@dataclass(frozen=True, slots=True)
class Key:
    """A primary key: its fingerprint in upper-case hexadecimal, and its user IDs (foreign text).

    `parts` are the fingerprints of itself and of its subkeys, and whether each was revoked.
    """

    fingerprint: str
    names: list[str] = field(default_factory=list)
    parts: dict[str, bool] = field(default_factory=dict)


def read_keyring(keyring: bytes) -> tuple[Key, ...]:
    """The primary keys, in the keyring's order. Raises KeyringError."""
    keys: list[Key] = []
    part = ""
    for tag, body in _packets(keyring):
        if tag in SECRET:
            raise KeyringError("holds a secret key")
        if tag == PUBLIC_KEY:
            keys.append(Key(_fingerprint(body)))
        if not keys:
            continue
        if tag in {PUBLIC_KEY, SUBKEY}:
            part = _fingerprint(body)
            keys[-1].parts[part] = False
        elif tag == USER_ID:
            keys[-1].names.append(body.decode("utf-8", "replace"))
        elif tag == SIGNATURE and _kind(body) in REVOCATIONS:
            keys[-1].parts[part] = True
    if not keys:
        raise KeyringError("holds no key")
    return tuple(keys)


def revoked_parts(keyring: bytes) -> frozenset[str]:
    """The fingerprints of keys and subkeys that are revoked there. Raises KeyringError."""
    return _parts(keyring, revoked=True)


def unrevoked_parts(keyring: bytes) -> frozenset[str]:
    """The fingerprints of keys and subkeys that stand there without a revocation. Raises KeyringError."""
    return _parts(keyring, revoked=False)


def _parts(keyring: bytes, *, revoked: bool) -> frozenset[str]:
    """One that stands there twice, with a revocation and without, is both."""
    return frozenset(
        part for key in read_keyring(keyring) for part, gone in key.parts.items() if gone == revoked
    )


def _fingerprint(body: bytes) -> str:
    """RFC 4880, 12.2 (version 4) and the LibrePGP draft (version 5)."""
    match body[:1]:
        case b"\x04":
            framed = b"\x99" + len(body).to_bytes(2, "big") + body
            return hashlib.sha1(framed, usedforsecurity=False).hexdigest().upper()
        case b"\x05":
            return hashlib.sha256(b"\x9a" + len(body).to_bytes(4, "big") + body).hexdigest().upper()
        case _:
            raise KeyringError("holds a key of an unknown version")


def _kind(body: bytes) -> int:
    """What a signature says (RFC 4880, 5.2.1); one of version 3 has a length before it."""
    at = 2 if body[:1] == b"\x03" else 1
    return int.from_bytes(body[at : at + 1], "big")


def _packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and body of each packet (RFC 4880, 4.2)."""
    at = 0
    while at < len(data):
        if not data[at] & 0x80:
            raise KeyringError("is armored, or no keyring at all")
        new = bool(data[at] & 0x40)
        tag = data[at] & 0x3F if new else (data[at] & 0x3C) >> 2
        start, size = _new_length(data, at + 1) if new else _old_length(data, at)
        if start + size > len(data):
            raise KeyringError("is cut off")
        yield tag, data[start : start + size]
        at = start + size


def _old_length(data: bytes, at: int) -> tuple[int, int]:
    octets = _OLD_LENGTHS.get(data[at] & 3)
    if octets is None:
        raise KeyringError("has a packet without a length")
    return at + 1 + octets, int.from_bytes(data[at + 1 : at + 1 + octets], "big")


def _new_length(data: bytes, at: int) -> tuple[int, int]:
    first = data[at] if at < len(data) else 0
    if first < 192:  # noqa: PLR2004 - RFC 4880, 4.2.2
        return at + 1, first
    if first < 224:  # noqa: PLR2004
        second = data[at + 1] if at + 1 < len(data) else 0
        return at + 2, ((first - 192) << 8) + second + 192
    if first == 255:  # noqa: PLR2004
        return at + 5, int.from_bytes(data[at + 1 : at + 5], "big")
    raise KeyringError("has a packet without a length")
