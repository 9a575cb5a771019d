# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a sigstore bundle refers to: the bytes that it signs, and whom its certificate names.

For finding what belongs together, and for people. The bundle itself goes to trust as it is, which reads it
again and believes none of this.
"""

import base64
import binascii

from appctld.errors import BadManifest
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonError, JsonObject, get_object, get_objects, get_str, parse_object
from appctld.workers.fetch.certificate import UNKNOWN, identity_of

BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
BUNDLE_BYTES = 64 << 10  # what is fetched of one


def signed_beside(document: bytes) -> Digest | None:
    """The digest of what a bundle without an envelope signs, where it says so."""
    try:
        message = get_object(parse_object(document, BUNDLE_BYTES), "messageSignature")
        return Digest(_bytes(get_object(message, "messageDigest"), "digest").hex())
    except (JsonError, BadManifest):
        return None


def identity_in(document: bytes) -> str:
    """Whom the certificate of a bundle names; empty without one."""
    try:
        material = get_object(parse_object(document, BUNDLE_BYTES), "verificationMaterial")
    except JsonError:
        return ""
    if not {"certificate", "x509CertificateChain"} & material.keys():
        return ""
    try:
        return identity_of(_bytes(_leaf(material), "rawBytes"))
    except (JsonError, IndexError):
        return UNKNOWN


def _leaf(material: JsonObject) -> JsonObject:
    if "certificate" in material:
        return get_object(material, "certificate")
    return get_objects(get_object(material, "x509CertificateChain"), "certificates")[0]


def _bytes(obj: JsonObject, key: str) -> bytes:
    try:
        return base64.b64decode(get_str(obj, key), validate=True)
    except (binascii.Error, ValueError) as error:
        raise JsonError(f"'{key}' is no base64") from error
