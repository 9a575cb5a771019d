# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a keyring update may say, without anybody's signature; with them it is in tests/attacks."""

import base64
import json
from pathlib import Path

import pytest

from appctld.errors import LimitExceeded, SignatureInvalid, SignatureMissing
from appctld.model.jsonvalue import Json, JsonObject
from appctld.trust.claim import PAYLOAD_BYTES
from appctld.trust.gpgv import SIGNATURE_BYTES
from appctld.trust.keyset import MESSAGES, SERIAL, UPDATE_BYTES, parse_keyset, read_messages

GOLDEN = Path(__file__).parents[2] / "fixtures/keys"
PUBLISHER = (GOLDEN / "publisher.gpg").read_bytes()
OTHER = (GOLDEN / "other.gpg").read_bytes()
FINGERPRINTS = ("A9224799278A335FAF0F5956CEDCC28E78EBA748", "2EDE059432762767B7BD4C67647024864A4B5B7A")


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def statement(**changes: Json) -> bytes:
    members: JsonObject = {
        "type": "appctl keyring update",
        "remote": "acme",
        "serial": 3,
        "expires": 1_800_000_000,
        "threshold": 2,
        "keys": [text(PUBLISHER), text(OTHER)],
    }
    return json.dumps({**members, **changes}).encode()


def test_what_is_said_is_read() -> None:
    found = parse_keyset(statement())
    assert (found.remote, found.serial, found.expires, found.threshold) == ("acme", 3, 1_800_000_000, 2)
    assert found.keys == (PUBLISHER, OTHER)
    assert found.fingerprints == FINGERPRINTS


def test_a_statement_may_have_64_kib_and_no_more() -> None:
    room = PAYLOAD_BYTES - len(statement())
    assert parse_keyset(statement() + b" " * room).serial == 3
    with pytest.raises(SignatureInvalid, match="bytes of JSON"):
        parse_keyset(statement() + b" " * (room + 1))


WRONG: dict[str, JsonObject] = {
    "it does not have exactly": {"more": 1},
    "its type is not": {"type": "appctl keyring"},
    "no name of a remote": {"remote": "Acme"},
    "'serial' is not": {"serial": SERIAL + 1},
    "'serial' is not from 1": {"serial": 0},
    "'expires' is not": {"expires": SERIAL + 1},
    "'threshold' is not from 1 to 2": {"threshold": 3},
    "'threshold' is not": {"threshold": 0},
    "not 1 to 64 keys": {"keys": []},
    "holds not 1 to 64 keys": {"keys": ["AA=="] * 65},
    "a key twice": {"keys": [text(PUBLISHER), text(PUBLISHER)]},
    "is several": {"keys": [text(PUBLISHER + OTHER)], "threshold": 1},
    "one of its keys is armored": {"keys": [text(b"hello")]},
    "no base64": {"keys": ["%%%%" + text(PUBLISHER)]},
    "'keys' does not hold only strings": {"keys": [1]},
    "'keys' is missing": {"keys": text(PUBLISHER)},
}


@pytest.mark.parametrize("says", WRONG)
def test_anything_else_is_refused(says: str) -> None:
    with pytest.raises(SignatureInvalid) as caught:
        parse_keyset(statement(**WRONG[says]))
    assert says in caught.value.message


def test_messages_are_lines_of_base64() -> None:
    assert read_messages(b"YQ==\n\n YmM=\r\n") == (b"a", b"bc")
    assert len(read_messages(b"YQ==\n" * MESSAGES)) == MESSAGES
    assert read_messages(base64.b64encode(bytes(SIGNATURE_BYTES))) == (bytes(SIGNATURE_BYTES),)


@pytest.mark.parametrize(
    ("update", "leaf"),
    [
        (b" \n", SignatureMissing),
        (b"YQ==\n%%%%YQ==", SignatureInvalid),
        (b"YQ=", SignatureInvalid),
        (b"YQ==\n" * (MESSAGES + 1), LimitExceeded),
        (b"YQ==" + b"\n" * UPDATE_BYTES, LimitExceeded),
        (base64.b64encode(bytes(SIGNATURE_BYTES + 1)), LimitExceeded),
    ],
)
def test_a_file_that_is_none_is_refused(update: bytes, leaf: type[Exception]) -> None:
    with pytest.raises(leaf):
        read_messages(update)
