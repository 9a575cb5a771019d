# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is to be done about each deployment that is damaged, and from what it can come back. Pure.

A deployment that is not current is dropped rather than brought back: it is there to go back to, and a version
that may be forged is nothing to go back to.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from appctld.config.remote import Remote
from appctld.errors import AppctlError, RepoCorrupt
from appctld.jobs.audit.kept import Kept
from appctld.jobs.audit.survey import SIGNATURE, Survey
from appctld.model.digest import Digest
from appctld.model.image import parse_config
from appctld.model.manifest import Manifest, parse_document
from appctld.model.ostreeref import parse_canonical
from appctld.model.published import PublishedCommit, published_commit
from appctld.pipeline.recall import Recalled
from appctld.pipeline.restore import AGAIN, Recorded
from appctld.state.provenance import Provenance
from appctld.state.records import Record

MENDED_IN_PLACE = {"attributes", "ref", SIGNATURE}  # the store's `mend` sees to these, or nobody can
CHECKED_OUT_AGAIN = MENDED_IN_PLACE | {"files", "run"}


class Action(StrEnum):
    """The words stand on the bus."""

    MEND = "mend"  # refs, modes and times, in place
    DROP = "drop"  # a deployment that is not current
    REDEPLOY = "redeploy"  # checked out again from the commit that is here
    RESTORE = "restore"  # what is missing comes from the registry, at the recorded digest


@dataclass(frozen=True, slots=True)
class Step:
    """One deployment, and what is to be done with it."""

    kept: Kept
    action: Action


def steps(found: Survey) -> list[Step]:
    """One for every deployment that is damaged; those that are dropped come first."""
    wanted = [Step(kept, _action(kept, found)) for kept in found.kept if _is_damaged(kept, found)]
    return sorted(wanted, key=lambda step: step.action is not Action.DROP)


def _is_damaged(kept: Kept, found: Survey) -> bool:
    return any(problem.fault != SIGNATURE for problem in found.of(kept.name))


def _action(kept: Kept, found: Survey) -> Action:
    faults = {problem.fault for problem in found.of(kept.name)}
    if faults <= MENDED_IN_PLACE:
        return Action.MEND
    if not kept.current:
        return Action.DROP
    whole = kept.record is not None and kept.provenance is not None and kept.run() is not None
    return Action.REDEPLOY if whole and faults <= CHECKED_OUT_AGAIN else Action.RESTORE


def is_made_here(recalled: Recalled, named: Collection[str], remotes: Iterable[Remote]) -> bool:
    """Whether this daemon wrote what a commit says of its image: a native one is its publisher's text.

    `named` are the remotes that the refs of its deployment name; the commit must name that very one.
    """
    return _is_theirs(recalled.texts.get("appctl.remote", ""), named, remotes)


def is_about(
    provenance: Provenance | None, commit: str, named: Collection[str], remotes: Iterable[Remote]
) -> bool:
    """Whether the image that spoke for a deployment holds that very commit and nothing above it.

    A publisher's own commit says nothing of its image: what was kept beside it does, as far as each document
    is what the one before it names. `named` as in `is_made_here`.
    """
    if provenance is None or provenance.config is None:
        return False
    if not _is_theirs(provenance.remote, named, remotes):
        return False
    try:
        manifest = parse_document(provenance.manifest.raw, provenance.manifest.media_type)
        config = parse_config(provenance.config.raw)
        published = published_commit(config)
    except AppctlError:
        return False
    if not isinstance(manifest, Manifest) or manifest.config.digest != Digest.of(provenance.config.raw):
        return False
    return published == PublishedCommit(commit, len(config.diff_ids))


def _is_theirs(remote: str, named: Collection[str], remotes: Iterable[Remote]) -> bool:
    images = {remote.name for remote in remotes if remote.kind != "ostree"}
    return set(named) == {remote} and remote in images


def recorded(
    kept: Kept, recalled: Recalled | None, beside: Provenance | None, commit: str, *, doubted: bool
) -> Recorded:
    """What must come back: as the record says; where that is in doubt, as the commit itself does (made here).

    `beside` stands in for a publisher's own commit. Raises RepoCorrupt where nothing of them can be read.
    """
    if recalled is not None and recalled.manifest:
        return _from_commit(kept, recalled, commit)
    if beside is not None:
        return _from_provenance(kept, beside, commit)
    if kept.record is None or doubted:
        raise RepoCorrupt(f"nothing here says what {kept.id} was", hint="uninstall it, and install it again")
    return _from_record(kept, kept.record)


def _from_record(kept: Kept, record: Record) -> Recorded:
    return Recorded(
        id=kept.id,
        deployment=kept.path.name,
        remote=record.remote,
        reference=parse_canonical(record.reference),
        digest=record.image_digest,
        index=_index(kept, record.image_digest),
        commit=record.commit,
        signed=tuple((signer.fingerprint, signer.signed_at) for signer in record.signers),
        arch=record.arch,
        given_id=record.given_id,
    )


def _from_provenance(kept: Kept, provenance: Provenance, commit: str) -> Recorded:
    digest = Digest.of(provenance.manifest.raw)
    return Recorded(
        id=kept.id,
        deployment=kept.path.name,
        remote=provenance.remote,
        reference=parse_canonical(provenance.reference),
        digest=digest,
        index=_index(kept, digest),
        commit=commit,
        signed=tuple((signer.fingerprint, signer.signed_at) for signer in provenance.judged.signers),
    )


def _from_commit(kept: Kept, recalled: Recalled, commit: str) -> Recorded:
    texts, lists = recalled.texts, recalled.lists
    times = [int(text) if text.isdigit() else 0 for text in lists.get("appctl.signed-at", [])]
    try:
        digest = Digest.parse(texts.get("ostree.manifest-digest", ""))
        return Recorded(
            id=kept.id,
            deployment=kept.path.name,
            remote=texts.get("appctl.remote", ""),
            reference=parse_canonical(texts.get("appctl.reference", "")),
            digest=digest,
            index=_index(kept, digest),
            commit=commit,
            signed=tuple(zip(lists.get("appctl.signer", []), times, strict=False)),
            arch=kept.config.platform.architecture if kept.config else "",
            given_id=texts.get("appctl.id") == kept.id,
        )
    except AppctlError as error:
        raise RepoCorrupt(f"the commit of {kept.id} does not say what it was", hint=AGAIN) from error


def _index(kept: Kept, digest: Digest) -> Digest | None:
    """The index that led to this very image, if its bytes are still here."""
    provenance = kept.provenance
    if provenance is None or provenance.index is None or Digest.of(provenance.manifest.raw) != digest:
        return None
    return Digest.of(provenance.index.raw)
