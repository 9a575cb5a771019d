# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a keyring update says: the next set of a publisher's keys, and for which remote, in which order.

Pure. Guarantees: only the one known form passes, down to its members; each key stands there once, alone and
public. For signed bytes only; who signed them, and whether they may count, is `rotation.py`'s.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from appctld.errors import LimitExceeded, SignatureInvalid, SignatureMissing
from appctld.model.jsonvalue import JsonError, JsonObject, get_int, get_str, get_strings, parse_object
from appctld.model.remotename import REMOTE_NAME
from appctld.trust.claim import PAYLOAD_BYTES
from appctld.trust.gpgv import SIGNATURE_BYTES
from appctld.trust.keys import KeyringError, read_keyring

TYPE = "appctl keyring update"
MEMBERS = frozenset({"type", "remote", "serial", "expires", "threshold", "keys"})
MESSAGES = 32  # signers of one update; as with an image's signatures, each costs processes
UPDATE_BYTES = 1 << 20  # of the whole file: ten signers of a dozen keys have some 200 KiB
KEYS = 64  # as many as the keyring worker takes
SERIAL = 1 << 53  # the whole numbers that every JSON library keeps


@dataclass(frozen=True, slots=True)
class KeySet:
    """`fingerprints` are those of `keys`, one each; `expires` is unix seconds."""

    remote: str
    serial: int
    expires: int
    threshold: int
    keys: tuple[bytes, ...]
    fingerprints: tuple[str, ...]


def read_messages(update: bytes) -> tuple[bytes, ...]:
    """The signed messages of an update's file: one a line, as base64.

    Raises SignatureMissing (there is none), SignatureInvalid (no base64), LimitExceeded.
    """
    if len(update) > UPDATE_BYTES:
        raise LimitExceeded(f"a keyring update of more than {UPDATE_BYTES} bytes")
    lines = update.split()
    if not lines:
        raise SignatureMissing("there is no signed message in this keyring update")
    if len(lines) > MESSAGES:
        raise LimitExceeded(f"a keyring update with more than {MESSAGES} signed messages")
    messages = tuple(_decoded(line, "a line of this keyring update") for line in lines)
    if any(len(message) > SIGNATURE_BYTES for message in messages):
        raise LimitExceeded(f"a signed message of more than {SIGNATURE_BYTES} bytes")
    return messages


def parse_keyset(payload: bytes) -> KeySet:
    """Read what the signers of a keyring update signed. Raises SignatureInvalid."""
    try:
        return _keyset(parse_object(payload, PAYLOAD_BYTES))
    except JsonError as error:
        raise SignatureInvalid(f"what was signed is no keyring update: {error}") from error


def _keyset(obj: JsonObject) -> KeySet:
    if obj.keys() != MEMBERS:
        raise JsonError(f"it does not have exactly {', '.join(sorted(MEMBERS))}")
    if get_str(obj, "type") != TYPE:
        raise JsonError(f"its type is not '{TYPE}'")
    remote = get_str(obj, "remote")
    if not re.fullmatch(REMOTE_NAME, remote):
        raise JsonError("its remote is no name of a remote")
    keys = tuple(_decoded(text.encode(), "one of its keys") for text in get_strings(obj, "keys"))
    fingerprints = _fingerprints(keys)
    return KeySet(
        remote=remote,
        serial=_number(obj, "serial", SERIAL),
        expires=_number(obj, "expires", SERIAL),
        threshold=_number(obj, "threshold", len(keys)),
        keys=keys,
        fingerprints=fingerprints,
    )


def _fingerprints(keys: Sequence[bytes]) -> tuple[str, ...]:
    """Each text is one key: what gpg would make of several is left to nobody."""
    if not 1 <= len(keys) <= KEYS:
        raise JsonError(f"it holds not 1 to {KEYS} keys")
    fingerprints = tuple(map(_fingerprint, keys))
    if len({*fingerprints}) != len(fingerprints):
        raise JsonError("it holds a key twice")
    return fingerprints


def _fingerprint(data: bytes) -> str:
    try:
        first, *more = read_keyring(data)
    except KeyringError as error:
        raise JsonError(f"one of its keys {error}") from error
    if more:
        raise JsonError("one of its keys is several")
    return first.fingerprint


def _number(obj: JsonObject, key: str, most: int) -> int:
    value = get_int(obj, key)
    if not 1 <= value <= most:
        raise JsonError(f"'{key}' is not from 1 to {most}")
    return value


def _decoded(text: bytes, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise SignatureInvalid(f"{what} is no base64") from error
