# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is kept of a verdict: between the trust room's values and the state room's file. Pure."""

from appctld.config.remote import Remote
from appctld.errors import AppctlError, RepoCorrupt
from appctld.model.jsonvalue import JsonError
from appctld.pipeline.native.stages import VerifiedCommit
from appctld.pipeline.stages import SignedCommit, Verified
from appctld.state.provenance import Commit, Document, Judged, Provenance, Signed
from appctld.trust.evidence import Evidence
from appctld.trust.verdict import Verdict

COMMIT_TYPE = "application/vnd.ostree.commit"  # ours: a commit object has no media type of its own


def provenance_of(
    verified: Verified, config: bytes | None = None, signed: SignedCommit | None = None
) -> Provenance:
    """Everything that spoke for an image, and what was asked for; its config, if no commit of ours has it."""
    resolved = verified.resolved
    index = resolved.index
    return Provenance(
        reference=str(resolved.reference),
        remote=resolved.remote.name,
        manifest=Document(resolved.manifest, resolved.media_type),
        index=Document(index.raw, index.media_type) if index else None,
        config=None if config is None else Document(config, verified.manifest.config.media_type),
        evidence=verified.evidence.to_json(),
        judged=judged_by(verified.verdict, resolved.remote),
        commit=Commit(signed.raw, signed.evidence.to_json()) if signed else None,
    )


def provenance_of_commit(verified: VerifiedCommit) -> Provenance:
    """The same for a native commit: its bytes stand where a manifest's do."""
    resolved = verified.resolved
    return Provenance(
        reference=str(resolved.reference),
        remote=resolved.remote.name,
        manifest=Document(resolved.raw, COMMIT_TYPE),
        index=None,
        evidence=resolved.evidence.to_json(),
        judged=judged_by(verified.verdict, resolved.remote),
    )


def judged_by(verdict: Verdict, remote: Remote) -> Judged:
    """What the remote asked for, and what was found."""
    return Judged(
        verify=verdict.verify,
        threshold=remote.threshold,
        identity=remote.identity,
        tag_bound=verdict.tag_bound,
        checked_at=verdict.checked_at,
        signers=signed_by(verdict),
    )


def signed_by(verdict: Verdict) -> tuple[Signed, ...]:
    """Those whose signatures counted, in the verdict's order."""
    return tuple(Signed(signer.fingerprint, signer.name, signer.signed_at) for signer in verdict.signers)


def evidence_of(kept: Provenance | Commit) -> Evidence:
    """What can be judged again. Raises RepoCorrupt."""
    try:
        return Evidence.from_json(kept.evidence)
    except (JsonError, AppctlError) as error:
        raise RepoCorrupt("the signatures that were kept cannot be read") from error


def words(judged: Judged) -> str:
    """The verdict as one line for people."""
    if judged.verify == "none":
        return "nothing was verified: verify=none"
    if judged.verify == "digest":
        return "the digest was given, and nobody signed"
    names = "the tag" if judged.tag_bound else "the repository or the digest, no tag"
    return f"{judged.verify}: {len(judged.signers)} counted of {judged.threshold} asked for, over {names}"
