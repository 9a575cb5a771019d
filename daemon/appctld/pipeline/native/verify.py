# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Step 2: the commit's bytes are signed by this remote's keys; only then are they read; they name the ref.

The store reads them, in its sandbox and with no signature in its hand: it is believed about what they say.
"""

from appctld.errors import Failed
from appctld.model.commit import CommitFacts
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonObject
from appctld.pipeline.answers import understood
from appctld.pipeline.native.stages import ResolvedCommit, VerifiedCommit
from appctld.pipeline.tools import Tools
from appctld.system.pipes import memory_file
from appctld.trust.native.bindings import bind
from appctld.trust.native.signatures import judge_signatures


async def verify_commit(resolved: ResolvedCommit, tools: Tools) -> VerifiedCommit:
    """Judge what was resolved with its remote's keys and no others.

    Raises the Untrusted leaves; BadManifest for signed bytes that are no commit.
    """
    tools.progress.stage("verifying")
    now = tools.now()
    signed = await judge_signatures(
        resolved.raw, resolved.evidence, resolved.reference, resolved.remote, tools.launcher, now
    )
    facts = await read_commit(resolved.raw, resolved.digest, tools)
    verdict = bind(signed, facts, resolved.reference, resolved.remote, now)
    return VerifiedCommit(resolved, facts, verdict)


async def read_commit(raw: bytes, digest: Digest, tools: Tools) -> CommitFacts:
    """What the commit of that digest says. Raises BadManifest for bytes that are none."""
    source = memory_file("commit", raw)
    request: JsonObject = {"op": "describe-commit", "size": len(raw)}
    answer = await tools.store(request, fds={"in": source})
    with understood("store"):
        facts = CommitFacts.from_json(answer)
    if facts.digest != digest:
        raise Failed("the store read another commit than the one that was verified")
    return facts
