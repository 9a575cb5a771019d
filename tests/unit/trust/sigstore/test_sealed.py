# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""How attachments and bundles are taken apart: the message, its signature, and nothing of what it says."""

import json

import pytest

from appctld.errors import SignatureInvalid, UntrustedSigner
from appctld.model.digest import Digest
from appctld.trust.evidence import Attachment, Bundle
from appctld.trust.sigstore.sealed import BUNDLE_BYTES, Sealed, sealed
from support.signatures.cosign import CosignKey, cosign_payload, enveloped, pae, statement, with_members

DIGEST = Digest.of(b"the manifest")
NAME = "quay.io/acme/editor:1"
KEY = CosignKey()
CONTENT = json.dumps(statement(str(DIGEST), NAME)).encode()
PAYLOAD = cosign_payload(str(DIGEST), NAME)


def changed(document: bytes, **members: object) -> Bundle:
    return Bundle(json.dumps({**json.loads(document), **members}).encode(), PAYLOAD)


def test_an_attachments_message_is_its_payload() -> None:
    found = sealed(Attachment(PAYLOAD, b"signature"))
    assert found == Sealed(PAYLOAD, b"signature", PAYLOAD, enveloped=False)
    assert [claim.identity for claim in found.claims()] == [NAME]


def test_the_message_of_an_envelope_is_made_of_its_payload() -> None:
    found = sealed(Bundle(enveloped(CONTENT, b"signature")))
    assert found == Sealed(pae(CONTENT), b"signature", CONTENT, enveloped=True)
    assert [claim.identity for claim in found.claims()] == [NAME]


def test_a_bundle_without_an_envelope_signs_what_lies_beside_it() -> None:
    found = sealed(KEY.message_bundle(PAYLOAD))
    assert (found.message, found.content, found.enveloped) == (PAYLOAD, PAYLOAD, False)
    assert [claim.identity for claim in found.claims()] == [NAME]


def test_what_lies_beside_it_must_be_there() -> None:
    with pytest.raises(SignatureInvalid, match="do not lie beside"):
        sealed(Bundle(KEY.message_bundle(PAYLOAD).document))


def test_a_statement_is_no_payload_and_a_payload_no_statement() -> None:
    with pytest.raises(SignatureInvalid):
        sealed(Attachment(CONTENT, b"")).claims()
    with pytest.raises(SignatureInvalid):
        sealed(Bundle(enveloped(PAYLOAD, b""))).claims()


def test_what_was_signed_is_not_looked_at() -> None:
    assert sealed(Attachment(b"\xff{", b"x")).message == b"\xff{"
    assert sealed(Bundle(enveloped(b"\xff{", b"x"))).content == b"\xff{"


GOOD = enveloped(CONTENT, b"signature")


@pytest.mark.parametrize(
    "bundle",
    [
        Bundle(b""),
        Bundle(b"[]"),
        Bundle(GOOD.replace(b"{", b'{"mediaType": "twice",', 1)),
        Bundle(GOOD + b" " * BUNDLE_BYTES),
        changed(GOOD, mediaType="application/vnd.dev.sigstore.bundle+json;version=0.1"),
        changed(GOOD, mediaType=None),
        changed(GOOD, verificationMaterial=None),
        changed(GOOD, dsseEnvelope=None),
        changed(GOOD, messageSignature={}),
        changed(GOOD, messageSignature={"signature": "%"}),
        Bundle(enveloped(CONTENT)),
        Bundle(enveloped(CONTENT, b"one", b"two")),
        Bundle(enveloped(CONTENT, b"one", kind="application/json")),
        Bundle(with_members(dsseEnvelope={"payload": "%", "payloadType": "application/vnd.in-toto+json"})),
    ],
)
def test_bundles_of_another_form_are_refused(bundle: Bundle) -> None:
    with pytest.raises(SignatureInvalid):
        sealed(bundle)


@pytest.mark.parametrize(
    "found",
    [
        Attachment(PAYLOAD, b"x", "somebody@example.org"),
        Bundle(GOOD, b"", "somebody@example.org"),
        changed(GOOD, verificationMaterial={"certificate": {"rawBytes": "AA=="}}),
        changed(GOOD, verificationMaterial={"x509CertificateChain": {"certificates": []}}),
        changed(GOOD, verificationMaterial={"publicKey": {"hint": "x"}, "certificate": {}}),
    ],
)
def test_what_has_a_certificate_beside_it_is_named_and_does_not_count(found: Attachment | Bundle) -> None:
    with pytest.raises(
        UntrustedSigner, match=r"signed without a key .*; appctl does not check that"
    ) as caught:
        sealed(found)
    assert caught.value.advice == "appctl help unsigned"
