# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is signed: which manifest, under which name; pure.

Source: containers/image's docs/signature-protocols; cosign's specs/SIGNATURE_SPEC.md.
"""

import json

from appctld.errors import InvalidReference
from appctld.model.digest import Digest
from appctld.model.reference import Reference, parse_reference

GPG, COSIGN = "atomic container signature", "cosign container image signature"


def payload(kind: str, digest: Digest, identity: Reference, timestamp: int | None = None) -> bytes:
    """The document; `timestamp` in seconds, for a kind of signature that says no time itself."""
    critical = {
        "type": kind,
        "image": {"docker-manifest-digest": str(digest)},
        "identity": {"docker-reference": str(identity)},
    }
    optional = None if timestamp is None else {"creator": "appctl", "timestamp": timestamp}
    return json.dumps(
        {"critical": critical, "optional": optional}, sort_keys=True, separators=(",", ":")
    ).encode()


def parse_identity(text: str) -> Reference:
    """The name under which an image is signed. Raises InvalidReference."""
    found = parse_reference(text)
    if found.pinned:
        raise InvalidReference("an image is signed under a tag: HOST/REPOSITORY:TAG, without a digest")
    return found
