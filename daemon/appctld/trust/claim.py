# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a simple-signing payload claims: that a digest is what a reference names.

Pure. Guarantees: only the one known form passes, down to its members, so that nothing is ignored that a
signer meant and we do not understand. For signed bytes only; `optional` is nobody's promise and is not read.
"""

from dataclasses import dataclass

from appctld.errors import BadManifest, InvalidReference, SignatureInvalid
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonError, JsonObject, get_object, get_str, parse_object
from appctld.model.reference import parse_reference

PAYLOAD_BYTES = 64 << 10  # real payloads have under 1 KiB; the signature around one has the same limit
TYPE = "atomic container signature"
COSIGN = "cosign container image signature"


@dataclass(frozen=True, slots=True)
class Claim:
    """`digest` is what `identity` names: `host[:port]/repository`, followed by `:tag` when `tagged`.

    `identity` empty means that the signer named nothing but the digest.
    """

    digest: Digest
    identity: str
    repository: str
    tagged: bool


def parse_claim(payload: bytes, kind: str = TYPE) -> Claim:
    """Read the payload of a signature that holds, of the type that such signatures have.

    Raises SignatureInvalid.

    Form: containers-signature(5), "Data format": `critical` has exactly `type`, `image`, `identity`.
    """
    try:
        critical = get_object(
            _only(parse_object(payload, PAYLOAD_BYTES), {"critical"}, {"optional"}), "critical"
        )
        _only(critical, {"type", "image", "identity"})
        _check_type(get_str(critical, "type"), kind)
        image = _only(get_object(critical, "image"), {"docker-manifest-digest"})
        identity = _only(get_object(critical, "identity"), {"docker-reference"})
        return make_claim(get_str(image, "docker-manifest-digest"), get_str(identity, "docker-reference"))
    except (JsonError, BadManifest, InvalidReference) as error:
        raise SignatureInvalid(f"what was signed is no statement about an image: {error}") from error


def make_claim(digest: str, identity: str) -> Claim:
    """The claim that `digest` is what `identity` names. Raises JsonError, BadManifest, InvalidReference.

    Both spellings have exactly one form: with a tag, or without; a digest in the name is no identity.
    """
    reference = parse_reference(identity)
    if identity not in {reference.name, f"{reference.name}:{reference.tag}"}:
        raise JsonError("its docker-reference is neither host/repository:tag nor host/repository")
    return Claim(Digest.parse(digest), identity, reference.name, tagged=identity != reference.name)


def _check_type(found: str, wanted: str) -> None:
    if found != wanted:
        raise JsonError(f"its type is not '{wanted}'")


def _only(
    value: JsonObject, required: set[str], optional: frozenset[str] | set[str] = frozenset()
) -> JsonObject:
    if not required <= value.keys() <= required | optional:
        raise JsonError(f"it does not have exactly {', '.join(sorted(required))}")
    return value
