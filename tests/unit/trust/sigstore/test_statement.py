# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What an in-toto statement says about images, and which ones say nothing."""

import json

import pytest

from appctld.errors import SignatureInvalid
from appctld.model.digest import Digest
from appctld.trust.claim import PAYLOAD_BYTES, Claim
from appctld.trust.sigstore.statement import SUBJECTS, pae, parse_statement
from support.signatures.cosign import pae as expected_pae
from support.signatures.cosign import statement

DIGEST = Digest.of(b"the manifest")
NAME = "quay.io/acme/editor"
GOOD = statement(str(DIGEST), f"{NAME}:1")


def parsed(document: object) -> tuple[Claim, ...]:
    return parse_statement(json.dumps(document).encode())


def test_a_subject_with_a_name_is_a_claim() -> None:
    assert parsed(GOOD) == (Claim(DIGEST, f"{NAME}:1", NAME, tagged=True),)
    assert parsed(statement(str(DIGEST), NAME)) == (Claim(DIGEST, NAME, NAME, tagged=False),)


@pytest.mark.parametrize("name", [{}, {"name": ""}, {"name": None}])
def test_what_cosign_3_writes_names_nothing(name: dict[str, object]) -> None:
    document = {**GOOD, "subject": [{"digest": {"sha256": DIGEST.hex}, **name}]}
    assert parsed(document) == (Claim(DIGEST, "", "", tagged=False),)


def test_every_subject_is_a_claim() -> None:
    subjects = [{"digest": {"sha256": DIGEST.hex, "sha512": "x"}, "name": NAME}] * SUBJECTS
    assert len(parsed({**GOOD, "subject": subjects})) == SUBJECTS


@pytest.mark.parametrize(
    "changes",
    [
        {"_type": "https://in-toto.io/Statement/v0.1"},
        {"predicateType": "https://slsa.dev/provenance/v1"},
        {"predicateType": "https://cosign.sigstore.dev/attestation/vuln/v1"},
        {"predicateType": None},
        {"subject": []},
        {"subject": None},
        {"subject": [{"name": NAME}]},
        {"subject": [{"name": NAME, "digest": {"sha512": "0" * 128}}]},
        {"subject": [{"name": NAME, "digest": {"sha256": str(DIGEST)}}]},
        {"subject": [{"name": NAME, "digest": {"sha256": DIGEST.hex.upper()}}]},
        {"subject": [{"name": f"{NAME}@{DIGEST}", "digest": {"sha256": DIGEST.hex}}]},
        {"subject": [{"name": "acme/editor", "digest": {"sha256": DIGEST.hex}}]},
        {"subject": [{"digest": {"sha256": DIGEST.hex}}] * (SUBJECTS + 1)},
    ],
)
def test_other_statements_are_no_signature(changes: dict[str, object]) -> None:
    with pytest.raises(SignatureInvalid):
        parsed({**GOOD, **changes})


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", json.dumps(GOOD).encode() + b" " * PAYLOAD_BYTES])
def test_what_is_no_statement(data: bytes) -> None:
    with pytest.raises(SignatureInvalid):
        parse_statement(data)


def test_what_is_signed_tells_type_and_payload_apart() -> None:
    assert pae(b"a b") == b"DSSEv1 28 application/vnd.in-toto+json 3 a b"
    assert pae(b"") == expected_pae(b"")
