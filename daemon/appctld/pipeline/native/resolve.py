# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Step 1: from a ref to a commit's bytes and the signatures over them, named by the digest that we computed.

Where a ref leads is the remote's word, which nobody signed: what the commit is for is judged later.
"""

from appctld.config.remote import Remote
from appctld.errors import DigestMismatch, Failed
from appctld.model.commit import COMMIT_BYTES
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonObject, get_int, get_list, get_str
from appctld.model.ostreeref import OstreeRef
from appctld.pipeline.answers import looked_at, understood
from appctld.pipeline.native.quarantine import quarantine
from appctld.pipeline.native.stages import ResolvedCommit
from appctld.pipeline.place import check_directory
from appctld.pipeline.tools import Tools
from appctld.trust.clock import check_clock
from appctld.trust.evidence import Evidence
from appctld.trust.verdict import SIGNATURE_BYTES, SIGNATURES

ANSWER_BYTES = COMMIT_BYTES + 2 * SIGNATURES * SIGNATURE_BYTES  # signatures of both kinds


async def resolve_commit(
    reference: OstreeRef, remote: Remote, tools: Tools, at: Digest | None = None
) -> ResolvedCommit:
    """Ask the remote which commit its ref is now, or for the one that it was, `at`.

    Raises Expired before anybody is asked, where the clock cannot be right; PolicyDenied where the
    administrator forbids it, or for a directory that others can change; the puller's leaves (Transport,
    NotFound); DigestMismatch for bytes of another name.
    """
    check_clock(tools.now())
    (await tools.aside(tools.policy)).check_remote(remote)
    tools.progress.stage("resolving")
    directory = remote.repository.directory
    if directory is not None:
        await check_directory(directory)
    async with quarantine(tools) as place:
        request: JsonObject = {"op": "commit", **({"commit": at.hex} if at else {"ref": reference.ref})}
        answer, data = await tools.pull_bytes(remote, place, request, ANSWER_BYTES)
    raw, openpgp, ed25519 = split_commit(answer, data)
    digest = Digest.of(raw)
    with understood("puller"):
        if get_str(answer, "commit") != digest.hex or digest != (at or digest):
            raise DigestMismatch(
                f"remote {remote.name} serves other bytes than the commit that {reference} is"
            )
        places = looked_at(answer)
    evidence = Evidence(digest, openpgp, looked_at=places, ed25519=ed25519)
    return ResolvedCommit(reference, remote, raw, digest, evidence)


def split_commit(answer: JsonObject, data: bytes) -> tuple[bytes, tuple[bytes, ...], tuple[bytes, ...]]:
    """The commit, its OpenPGP and its Ed25519 signatures, which a worker wrote one after the other."""
    with understood("worker"):
        sizes = [[get_int(answer, "size")], _sizes(answer, "openpgp"), _sizes(answer, "ed25519")]
    if sum(map(sum, sizes)) != len(data) or any(size < 0 for group in sizes for size in group):
        raise Failed("a worker's answer and its documents do not fit together")
    parts = []
    for group in sizes:
        blobs = []
        for size in group:
            blobs.append(data[:size])
            data = data[size:]
        parts.append(tuple(blobs))
    (raw,), openpgp, ed25519 = parts
    return raw, openpgp, ed25519


def _sizes(answer: JsonObject, key: str) -> list[int]:
    return [item if isinstance(item, int) else -1 for item in get_list(answer, key)]
