# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Step 2: the manifest is signed by this remote's keys, for this reference; only then is it read.

The order of versions (R9) is judged with the plan, when the config is verified as well.
"""

from appctld.errors import BadManifest, SignatureMissing, Untrusted
from appctld.model.digest import Digest
from appctld.model.manifest import Manifest, parse_document
from appctld.pipeline.images.evidence import find_evidence
from appctld.pipeline.stages import Resolved, Verified
from appctld.pipeline.tools import Tools
from appctld.trust.evidence import Evidence
from appctld.trust.verdict import Verdict, judge


async def verify(resolved: Resolved, tools: Tools) -> Verified:
    """Judge what was resolved with its remote's keys and no others.

    Raises the Untrusted leaves; BadManifest and its siblings for signed bytes that are no image manifest.
    """
    tools.progress.stage("verifying")
    verdict, evidence = await _verdict(resolved, tools)
    manifest = parse_document(resolved.manifest, resolved.media_type)
    if not isinstance(manifest, Manifest):
        raise BadManifest("an index where an image manifest was expected")
    return Verified(resolved, manifest, verdict, evidence)


async def _verdict(resolved: Resolved, tools: Tools) -> tuple[Verdict, Evidence]:
    """A signature on the platform's manifest or on the index suffices (docs/rules.md, "Signatures")."""
    try:
        return await _judge(resolved.digest, resolved, tools)
    except Untrusted as first:
        if resolved.index is None:
            raise
        try:
            return await _judge(resolved.index.digest, resolved, tools)
        except SignatureMissing:
            raise first from None


async def _judge(digest: Digest, resolved: Resolved, tools: Tools) -> tuple[Verdict, Evidence]:
    evidence = await find_evidence(digest, resolved, tools)
    verdict = await judge(
        evidence=evidence,
        reference=resolved.reference,
        remote=resolved.remote,
        launcher=tools.launcher,
        now=tools.now(),
    )
    return verdict, evidence
