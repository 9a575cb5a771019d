# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Signatures before the real judge, for tables of them: what is judged, and how it ended."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from appctld.errors import AppctlError
from appctld.model.digest import Digest
from appctld.model.reference import Reference, parse_reference
from appctld.system.sandbox import Bubblewrap
from appctld.trust.evidence import Attachment, Bundle, Evidence
from appctld.trust.verdict import judge
from support.signatures import blobs
from support.signatures.cosign import CosignKey, cosign_payload, statement
from support.signatures.policy import Trusting

ACCEPT = "accept"
DIGEST, TAGGED, NOW = blobs.DIGEST, blobs.REFERENCE, blobs.NOW
NAME, TAG = TAGGED.name, str(TAGGED)
PINNED = parse_reference(f"{NAME}@{DIGEST}")
EVIL = Digest.of(b"evil")
KEY, SECOND, STRANGER = CosignKey(), CosignKey("ed25519"), CosignKey()
PAYLOAD = cosign_payload(str(DIGEST), TAG)
STATEMENT = json.dumps(statement(str(DIGEST), TAG)).encode()
SANDBOX = Bubblewrap(())
COSIGN = Trusting(None, KEY.pem, verify="cosign")
BOTH = replace(COSIGN, cosign_keys=KEY.pem + SECOND.pem)

Found = bytes | Attachment | Bundle


@dataclass(frozen=True)
class Asked:
    """What is judged: signatures of DIGEST under a reference, by a remote's settings."""

    found: Sequence[Found]
    remote: Trusting = COSIGN
    reference: Reference = TAGGED


def outcome(asked: Asked) -> str:
    """`accept`, or the error's name."""
    evidence = Evidence(
        DIGEST,
        tuple(one for one in asked.found if isinstance(one, bytes)),
        attachments=tuple(one for one in asked.found if isinstance(one, Attachment)),
        bundles=tuple(one for one in asked.found if isinstance(one, Bundle)),
    )
    try:
        verdict = asyncio.run(judge(evidence, asked.reference, asked.remote, SANDBOX, NOW))
    except AppctlError as error:
        return error.name
    return ACCEPT if verdict.signers else "nobody"
