# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Whether what spoke for a deployment would still be believed, from what is stored, under today's keys.

Nothing is fetched, and nothing is taken away: an app whose key was revoked since then runs on, and is named.
"""

from dataclasses import dataclass
from enum import StrEnum

from appctld.config.remote import Remote
from appctld.config.urls import Prefix
from appctld.errors import AppctlError, Failed, RepoCorrupt, SignatureInvalid
from appctld.jobs.audit.kept import Kept
from appctld.model.digest import Digest
from appctld.model.ostreeref import AnyReference, OstreeRef, parse_canonical
from appctld.pipeline.records.provenance import evidence_of
from appctld.pipeline.tools import Tools
from appctld.state.provenance import Judged, Provenance
from appctld.trust.clock import date
from appctld.trust.native.bindings import bind
from appctld.trust.native.signatures import judge_signatures
from appctld.trust.since import count_no_more, since
from appctld.trust.verdict import Verdict, judge


class Standing(StrEnum):
    """The words stand on the bus."""

    GOOD = "good"
    DIGEST = "digest"  # somebody gave the digest, and nobody signed
    NONE = "none"  # the remote asks for no signature
    NO_LONGER = "no-longer"  # it counted when it was checked, and does not any more
    NO_REMOTE = "no-remote"  # the remote is gone, or covers it no more
    UNKNOWN = "unknown"  # what was kept cannot be read


BELIEVED = {Standing.GOOD, Standing.DIGEST, Standing.NONE}


@dataclass(frozen=True, slots=True)
class Opinion:
    """What is said about one deployment's signatures, and `words` for people."""

    standing: Standing
    words: str


async def opinion(kept: Kept, remotes: list[Remote], tools: Tools) -> Opinion:
    """Judge the stored evidence again, as of now.

    Raises Failed where this machine cannot judge (gpgv is missing): that says nothing about a signature.
    """
    if kept.record is None or kept.provenance is None:
        return Opinion(Standing.UNKNOWN, "what was kept of its signatures cannot be read")
    judged = kept.provenance.judged
    named = [remote for remote in remotes if remote.name == kept.record.remote]
    reference = _reference(kept.record.reference)
    if not named or reference is None or not _covers(named[0], reference):
        text = f"{_was(judged)}; remote {kept.record.remote} is gone, or covers it no more"
        return Opinion(Standing.NO_REMOTE, text)
    try:
        verdict = await _judge(kept, kept.provenance, reference, named[0], tools)
    except Failed:
        raise
    except AppctlError as error:
        return _no_longer(judged, named[0], error)
    return _believed(verdict, judged, named[0])


async def _judge(
    kept: Kept, provenance: Provenance, reference: AnyReference, remote: Remote, tools: Tools
) -> Verdict:
    """As when it was installed: who signed, and that it is about what the record is about."""
    evidence, launcher, now = evidence_of(provenance), tools.launcher, tools.now()
    if not isinstance(reference, OstreeRef):
        verdict = await judge(evidence, reference, remote, launcher, now)
        if remote.verify_commit != "no":
            await _judge_held(kept, provenance, reference, remote, tools)
        return verdict
    signed = await judge_signatures(provenance.manifest.raw, evidence, reference, remote, launcher, now)
    if kept.facts is None:
        raise RepoCorrupt("what its commit says cannot be read")
    return bind(signed, kept.facts, reference, remote, now)


async def _judge_held(
    kept: Kept, provenance: Provenance, reference: AnyReference, remote: Remote, tools: Tools
) -> None:
    """The same of the commit that an image holds, if it does, where the remote asks for that now."""
    held = kept.held
    if held is None and kept.record is not None and kept.record.ostree_layers:
        raise RepoCorrupt("which commit the image holds cannot be read")
    if held is None:
        return
    commit = provenance.commit
    if commit is None:
        raise SignatureInvalid("the remote did not ask who signed the commit in the image, and does now")
    if Digest.of(commit.raw).hex != held.commit:
        raise RepoCorrupt("the commit that was kept is another than the image holds")
    evidence = evidence_of(commit)
    await judge_signatures(commit.raw, evidence, reference, remote.for_commits(), tools.launcher, tools.now())


def _believed(verdict: Verdict, judged: Judged, remote: Remote) -> Opinion:
    verify, signers = verdict.verify, {signer.fingerprint for signer in verdict.signers}
    if verify == "none":
        before = f"; {_was(judged)}" if judged.verify != "none" else ""
        return Opinion(Standing.NONE, f"nothing is verified: the remote says verify=none{before}")
    if verify == "digest":
        return Opinion(Standing.DIGEST, "the digest was given, and nobody signed")
    gone = [each.fingerprint for each in judged.signers if each.fingerprint not in signers]
    if gone:
        text = f"{len(signers)} signatures hold; when checked on {_day(judged)}, {len(judged.signers)} did"
        return Opinion(Standing.GOOD, f"{text}; {count_no_more(gone, remote)}")
    return Opinion(Standing.GOOD, f"{len(signers)} signatures hold, as when checked on {_day(judged)}")


def _no_longer(judged: Judged, remote: Remote, error: AppctlError) -> Opinion:
    if not judged.signers:
        before = f"installed on {_day(judged)} with verify={judged.verify}"
        return Opinion(Standing.NO_LONGER, f"{before}; the remote asks for verify={remote.verify} now")
    names = [signer.fingerprint for signer in judged.signers]
    return Opinion(Standing.NO_LONGER, f"{_was(judged)}; {since(names, remote, error)}")


def _was(judged: Judged) -> str:
    return f"valid when checked on {_day(judged)}"


def _day(judged: Judged) -> str:
    return date(judged.checked_at).partition("T")[0]


def _covers(remote: Remote, reference: AnyReference) -> bool:
    if isinstance(reference, OstreeRef):
        return remote.kind == "ostree" and remote.name == reference.remote
    return isinstance(remote.prefix, Prefix) and remote.prefix.covers(reference)


def _reference(text: str) -> AnyReference | None:
    try:
        return parse_canonical(text)
    except AppctlError:
        return None
