# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What an in-toto statement claims that was signed in a DSSE envelope: which digests are what.

Pure. Guarantees: only cosign's own statement "I sign this image" counts, so that no attestation *about* an
image (its SBOM, its vulnerabilities) is taken for a signature of it. For signed bytes only.
"""

from appctld.errors import BadManifest, InvalidReference, SignatureInvalid
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonError, JsonObject, get_object, get_objects, get_str, parse_object
from appctld.trust.claim import PAYLOAD_BYTES, Claim, make_claim

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://sigstore.dev/cosign/sign/v1"  # `cosign sign`; `cosign attest` names others
SUBJECTS = 64  # cosign names one


def pae(payload: bytes) -> bytes:
    """What is signed in place of a payload (DSSE protocol, "Pre-Authentication Encoding")."""
    kind = PAYLOAD_TYPE.encode()
    return b" ".join([b"DSSEv1", b"%d" % len(kind), kind, b"%d" % len(payload), payload])


def parse_statement(payload: bytes) -> tuple[Claim, ...]:
    """Read the payload of an envelope whose signature holds: at least one claim. Raises SignatureInvalid.

    Form: in-toto Statement v1. A subject that nobody named (cosign 3 names none) is a claim without identity.
    """
    try:
        return tuple(_claim(subject) for subject in _subjects(parse_object(payload, PAYLOAD_BYTES)))
    except (JsonError, BadManifest, InvalidReference) as error:
        raise SignatureInvalid(f"what was signed is no statement about an image: {error}") from error


def _subjects(statement: JsonObject) -> list[JsonObject]:
    if get_str(statement, "_type") != STATEMENT or get_str(statement, "predicateType") != PREDICATE:
        raise JsonError("its type is not that of an image's signature")
    subjects = get_objects(statement, "subject")
    if not 1 <= len(subjects) <= SUBJECTS:
        raise JsonError(f"it has {len(subjects)} subjects where 1 to {SUBJECTS} are allowed")
    return subjects


def _claim(subject: JsonObject) -> Claim:
    digest = f"sha256:{get_str(get_object(subject, 'digest'), 'sha256')}"
    if name := get_str(subject, "name", ""):
        return make_claim(digest, name)
    return Claim(Digest.parse(digest), identity="", repository="", tagged=False)
