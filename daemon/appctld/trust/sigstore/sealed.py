# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Attachments and bundles as bytes with a signature over them, and what they say once it holds.

Pure. Guarantees: of what was signed nothing is read here but by `claims`, for which the signature must hold.
What stands around it (a bundle's envelope) is read strictly and believed about nothing. A signature with a
certificate beside it was made without a key that anybody keeps, and is never held against one.
"""

import base64
import binascii
from dataclasses import dataclass

from appctld.errors import SignatureInvalid, UntrustedSigner
from appctld.model.jsonvalue import JsonError, JsonObject, get_object, get_objects, get_str, parse_object
from appctld.trust.claim import COSIGN, Claim, parse_claim
from appctld.trust.evidence import Attachment, Bundle
from appctld.trust.sigstore.statement import PAYLOAD_TYPE, pae, parse_statement

BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
BUNDLE_BYTES = 64 << 10  # with the proofs of a log a real one has some 10 KiB
CERTIFICATES = frozenset({"certificate", "x509CertificateChain"})


@dataclass(frozen=True, slots=True)
class Sealed:
    """`signature` is over `message`. In an envelope that is not what is read, but made of it."""

    message: bytes
    signature: bytes
    content: bytes
    enveloped: bool

    def claims(self) -> tuple[Claim, ...]:
        """What was signed says, for whoever knows that the signature holds. Raises SignatureInvalid."""
        return parse_statement(self.content) if self.enveloped else (parse_claim(self.content, COSIGN),)


def sealed(found: Attachment | Bundle) -> Sealed:
    """Find message and signature. Raises SignatureInvalid, or UntrustedSigner for one without a key."""
    if found.identity:
        raise _keyless(found.identity)
    if isinstance(found, Attachment):
        return Sealed(found.payload, found.signature, found.payload, enveloped=False)
    try:
        return _opened(parse_object(found.document, BUNDLE_BYTES), found.payload)
    except JsonError as error:
        raise SignatureInvalid(f"a bundle that cannot be read: {error}") from error


def _opened(bundle: JsonObject, payload: bytes) -> Sealed:
    """The content of a bundle (sigstore's protobuf-specs, sigstore_bundle.proto)."""
    if get_str(bundle, "mediaType") != BUNDLE_TYPE:
        raise JsonError(f"its type is not {BUNDLE_TYPE}")
    if CERTIFICATES & get_object(bundle, "verificationMaterial").keys():
        raise _keyless("in its certificate")
    if "messageSignature" in bundle:
        if not payload:
            raise SignatureInvalid("a bundle that signs bytes which do not lie beside it")
        signature = _bytes(get_object(bundle, "messageSignature"), "signature")
        return Sealed(payload, signature, payload, enveloped=False)
    return _envelope(get_object(bundle, "dsseEnvelope"))


def _envelope(envelope: JsonObject) -> Sealed:
    """One payload with one signature (sigstore_bundle.proto: "exactly one")."""
    if get_str(envelope, "payloadType") != PAYLOAD_TYPE:
        raise JsonError(f"its payload is not {PAYLOAD_TYPE}")
    signatures = get_objects(envelope, "signatures")
    if len(signatures) != 1:
        raise JsonError(f"it holds {len(signatures)} signatures")
    content = _bytes(envelope, "payload")
    return Sealed(pae(content), _bytes(signatures[0], "sig"), content, enveloped=True)


def _keyless(identity: str) -> UntrustedSigner:
    return UntrustedSigner(
        f"it is signed without a key (identity {identity}); appctl does not check that",
        hint="appctl help unsigned",
        identity=identity,
    )


def _bytes(obj: JsonObject, key: str) -> bytes:
    try:
        return base64.b64decode(get_str(obj, key), validate=True)
    except (binascii.Error, ValueError) as error:
        raise JsonError(f"'{key}' is no base64") from error
