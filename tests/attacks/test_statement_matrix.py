# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What signatures by cosign keys say, and bundles: well signed, and still not about the image.

A case is its name, what it is, and how it ends: `accept`, or the leaf of the error tree.
"""

import json
from dataclasses import replace

import pytest

from appctld.trust.evidence import Attachment, Bundle
from support.signatures.cosign import cosign_payload, enveloped, pae, statement, with_members
from support.signatures.judging import (
    ACCEPT,
    COSIGN,
    DIGEST,
    EVIL,
    KEY,
    NAME,
    PAYLOAD,
    PINNED,
    STATEMENT,
    STRANGER,
    TAG,
    Asked,
    outcome,
)
from support.signatures.keys import payload

# --- what such a signature says


def says(**changes: object) -> Asked:
    """A payload whose members were changed, and signed so."""
    return signed(json.dumps({**json.loads(PAYLOAD), **changes}).encode())


def signed(content: bytes) -> Asked:
    """Whatever it is, signed by the publisher."""
    return Asked([Attachment(content, KEY.sign(content))])


CRITICAL = json.loads(PAYLOAD)["critical"]
SAID = [
    ("another-digest", "another image", Asked([KEY.attach(str(EVIL), TAG)]), "SignatureInvalid"),
    ("gpgs-type", "a payload of GPG's type", signed(payload(str(DIGEST), TAG)), "SignatureInvalid"),
    (
        "unknown-member",
        "a member of critical that nobody knows",
        says(critical={**CRITICAL, "x": 1}),
        "SignatureInvalid",
    ),
    ("no-identity", "no identity", says(critical={**CRITICAL, "identity": {}}), "SignatureInvalid"),
    (
        "empty-identity",
        "an identity of no letters",
        says(critical={**CRITICAL, "identity": {"docker-reference": ""}}),
        "SignatureInvalid",
    ),
    (
        "no-type",
        "no type",
        says(critical={key: CRITICAL[key] for key in ("image", "identity")}),
        "SignatureInvalid",
    ),
    ("member-beside", "a member beside critical and optional", says(x=1), "SignatureInvalid"),
    (
        "twice",
        "the digest twice",
        signed(
            PAYLOAD.replace(b'"image":{', b'"image":{"docker-manifest-digest":"%s",' % str(EVIL).encode())
        ),
        "SignatureInvalid",
    ),
    (
        "sha512",
        "a digest of another kind",
        signed(PAYLOAD.replace(b"sha256:", b"sha512:")),
        "SignatureInvalid",
    ),
    ("something-else", "some other text", signed(b"I like it"), "SignatureInvalid"),
    ("large", "64 KiB and one byte", signed(PAYLOAD + b" " * (65537 - len(PAYLOAD))), "SignatureInvalid"),
    ("optional-null", "null as optional, as cosign writes it", says(optional=None), ACCEPT),
    (
        "optional-lies",
        "another digest among what is optional",
        says(optional={"docker-manifest-digest": str(EVIL)}),
        ACCEPT,
    ),
]


@pytest.mark.parametrize(("case", "what", "asked", "expected"), SAID, ids=[case[0] for case in SAID])
def test_what_a_cosign_signature_says(case: str, what: str, asked: Asked, expected: str) -> None:
    assert outcome(asked) == expected, what


# --- bundles


def bundle(**changes: object) -> Asked:
    """Cosign 3's statement, with a name, and with changes; signed so."""
    return Asked([KEY.bundle({**statement(str(DIGEST), TAG), **changes})])


def material(**members: object) -> Asked:
    """A bundle with other verification material."""
    document = json.loads(KEY.bundle(statement(str(DIGEST), TAG)).document)
    return Asked([Bundle(json.dumps({**document, "verificationMaterial": members}).encode())])


MESSAGE = KEY.message_bundle(PAYLOAD)
SIGNATURE = KEY.sign(pae(STATEMENT))
SUBJECT = {"name": TAG, "digest": {"sha256": DIGEST.hex}}
BUNDLES = [
    ("statement", "a statement that names the tag", bundle(), ACCEPT),
    ("message", "a message beside its bundle", Asked([MESSAGE]), ACCEPT),
    (
        "as-cosign-3",
        "no name, as cosign 3 writes it",
        Asked([KEY.bundle(statement(str(DIGEST)))]),
        "SignatureInvalid",
    ),
    (
        "as-cosign-3-repository",
        "the same with identity=repository",
        Asked([KEY.bundle(statement(str(DIGEST)))], replace(COSIGN, identity="repository")),
        "SignatureInvalid",
    ),
    (
        "as-cosign-3-pinned",
        "the same by digest",
        Asked([KEY.bundle(statement(str(DIGEST)))], COSIGN, PINNED),
        "SignatureInvalid",
    ),
    (
        "another-digest",
        "another image",
        bundle(subject=[{**SUBJECT, "digest": {"sha256": EVIL.hex}}]),
        "SignatureInvalid",
    ),
    ("nothing", "no image at all", bundle(subject=[]), "SignatureInvalid"),
    (
        "attestation",
        "an attestation about the image",
        bundle(predicateType="https://slsa.dev/provenance/v1"),
        "SignatureInvalid",
    ),
    (
        "another-statement",
        "a statement of another form",
        bundle(_type="https://in-toto.io/Statement/v0.1"),
        "SignatureInvalid",
    ),
    (
        "stranger",
        "by another remote's key",
        Asked([STRANGER.bundle(statement(str(DIGEST), TAG))]),
        "UntrustedSigner",
    ),
    (
        "payload-signed",
        "the payload is signed, not its envelope",
        Asked([Bundle(enveloped(STATEMENT, KEY.sign(STATEMENT)))]),
        "UntrustedSigner",
    ),
    (
        "another-type",
        "the envelope's type was changed",
        Asked([Bundle(enveloped(STATEMENT, SIGNATURE, kind="text/plain"))]),
        "SignatureInvalid",
    ),
    (
        "type-signed",
        "it was signed under another type",
        Asked([Bundle(enveloped(STATEMENT, KEY.sign(pae(STATEMENT, "text/plain"))))]),
        "UntrustedSigner",
    ),
    (
        "tampered",
        "the statement was changed",
        Asked([Bundle(enveloped(STATEMENT.replace(b"editor:1", b"editor:2"), SIGNATURE))]),
        "UntrustedSigner",
    ),
    (
        "two-signatures",
        "two signatures in one",
        Asked([Bundle(enveloped(STATEMENT, SIGNATURE, SIGNATURE))]),
        "SignatureInvalid",
    ),
    ("no-signature", "none", Asked([Bundle(enveloped(STATEMENT))]), "SignatureInvalid"),
    (
        "payload-enveloped",
        "a payload where a statement should be",
        Asked([Bundle(enveloped(PAYLOAD, KEY.sign(pae(PAYLOAD))))]),
        "SignatureInvalid",
    ),
    (
        "message-elsewhere",
        "a message that lies elsewhere",
        Asked([replace(MESSAGE, payload=b"")]),
        "SignatureInvalid",
    ),
    (
        "message-replaced",
        "another message beside its bundle",
        Asked([replace(MESSAGE, payload=cosign_payload(str(DIGEST), NAME))]),
        "UntrustedSigner",
    ),
    ("keyless", "with a certificate", material(certificate={"rawBytes": "AA=="}), "UntrustedSigner"),
    (
        "keyless-and-key",
        "with a certificate and a key",
        material(publicKey={"hint": "x"}, certificate={}),
        "UntrustedSigner",
    ),
    ("empty", "an empty bundle", Asked([Bundle(with_members())]), "SignatureInvalid"),
    ("no-bundle", "a web page", Asked([Bundle(b"<html>")]), "SignatureInvalid"),
    (
        "older",
        "a bundle of an older form",
        Asked([Bundle(with_members(mediaType="application/vnd.dev.sigstore.bundle+json;version=0.1"))]),
        "SignatureInvalid",
    ),
]


@pytest.mark.parametrize(("case", "what", "asked", "expected"), BUNDLES, ids=[case[0] for case in BUNDLES])
def test_a_bundle(case: str, what: str, asked: Asked, expected: str) -> None:
    assert outcome(asked) == expected, what
