# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is no statement about an image, member by member."""

import json

import pytest

from appctld.errors import SignatureInvalid
from appctld.model.digest import Digest
from appctld.trust.claim import PAYLOAD_BYTES, Claim, parse_claim
from support.signatures.keys import payload

DIGEST = Digest.of(b"the manifest")
GOOD = payload(str(DIGEST), "quay.io/acme/editor:1", {"creator": "x", "timestamp": 1}).decode()
EMPTY = '{"critical":{},"optional":{}}'


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new, 1)


HOSTILE = [
    ("", "nothing"),
    ("[]", "no object"),
    (EMPTY, "no members"),
    ("\ufeff" + GOOD, "a byte order mark"),
    (GOOD + "{}", "something after it"),
    (GOOD + " " * PAYLOAD_BYTES, "more than 64 KiB"),
    (changed('"optional":{', '"more":1,"optional":{'), "an unknown member"),
    (changed('"critical":{', '"critical":{"more":1,'), "an unknown member of critical"),
    (changed('"image":{', '"image":{"more":1,'), "an unknown member of image"),
    (changed('"identity":{', '"identity":{"more":1,'), "an unknown member of identity"),
    (changed('"critical":{', '"critical":{},"critical":{'), "critical twice"),
    (changed('"optional":{', '"optional":{"a":1,"a":2,'), "a member of optional twice"),
    (changed('"image":{', '"image":{"docker-manifest-digest":"sha256:0",'), "the digest twice"),
    (changed('"critical"', '"Critical"'), "another case"),
    (changed("atomic container signature", "cosign container image signature"), "cosign's type"),
    (changed('"type":"atomic container signature"', '"type":1'), "a type that is no string"),
    (changed(',"type":"atomic container signature"', ""), "no type"),
    (changed('"docker-reference":"quay.io/acme/editor:1"', '"docker-reference":null'), "no identity"),
    (changed(str(DIGEST), DIGEST.hex), "a digest without its algorithm"),
    (changed(str(DIGEST), str(DIGEST).upper()), "a digest in upper case"),
    (changed(str(DIGEST), str(DIGEST) + "\\n"), "a digest with a newline"),
    (changed("quay.io/acme/editor:1", "acme/editor:1"), "an identity without a host"),
    (changed("quay.io/acme/editor:1", "quay.io/acme/editor:1 "), "an identity with a blank"),
    (changed("quay.io/acme/editor:1", "quay.io/acme/editor:"), "an identity with an empty tag"),
    (changed("quay.io/acme/editor:1", f"quay.io/acme/editor@{DIGEST}"), "an identity by digest"),
    (changed("quay.io/acme/editor:1", "quay.io/acme/../editor:1"), "an identity with .."),
]


def test_a_statement_with_a_tag() -> None:
    expected = Claim(DIGEST, "quay.io/acme/editor:1", "quay.io/acme/editor", tagged=True)
    assert parse_claim(GOOD.encode()) == expected


def test_a_statement_without_a_tag_is_not_about_latest() -> None:
    found = parse_claim(payload(str(DIGEST), "127.0.0.1:5000/editor"))
    assert found == Claim(DIGEST, "127.0.0.1:5000/editor", "127.0.0.1:5000/editor", tagged=False)


def test_latest_is_a_tag() -> None:
    assert parse_claim(payload(str(DIGEST), "quay.io/acme/editor:latest")).tagged


@pytest.mark.parametrize("optional", [None, {}, {"timestamp": "yesterday"}])
def test_what_is_optional_is_not_read(optional: object) -> None:
    document = {**json.loads(GOOD), "optional": optional}
    assert parse_claim(json.dumps(document).encode()).digest == DIGEST


@pytest.mark.parametrize(("text", "why"), HOSTILE, ids=[why for _, why in HOSTILE])
def test_anything_else_is_no_statement(text: str, why: str) -> None:
    with pytest.raises(SignatureInvalid):
        parse_claim(text.encode())


def test_bytes_that_are_not_utf8_are_no_statement() -> None:
    with pytest.raises(SignatureInvalid):
        parse_claim(GOOD.encode().replace(b'"creator":"x"', b'"creator":"\xff"'))
