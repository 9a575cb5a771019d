# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Whether a deployment's record, its provenance and its commit say the same. Pure.

The manifest is what its digest says, the index names it, it names the config, the config names the layers
and what the record says of the app; who signed stands alike in all three. Of a publisher's own commit the
record says what the commit's metadata does. What nothing else tells (sizes, times of the install) is not
compared.
"""

from collections.abc import Iterator

from appctld.errors import AppctlError
from appctld.jobs.audit.kept import Kept
from appctld.model.digest import Digest
from appctld.model.flatpak.labels import describe, title_of
from appctld.model.jsonvalue import JsonObject
from appctld.model.manifest import Index, Manifest, parse_document
from appctld.model.ostreeref import split_ref
from appctld.model.permissions import Permission, parse_metadata
from appctld.model.reference import parse_reference
from appctld.pipeline.admission.claims import read_label
from appctld.pipeline.images.plan import version_of
from appctld.pipeline.native.plan import id_of
from appctld.pipeline.native.plan import version_of as version_of_commit
from appctld.pipeline.recall import Recalled
from appctld.pipeline.records.provenance import evidence_of, words
from appctld.state.paths import app_ref
from appctld.state.provenance import Commit, Provenance
from appctld.state.records import Record

Difference = tuple[str, str]
"""A kind of fault (`record`, `provenance`) and a sentence."""

Facts = dict[str, tuple[object, object]]
"""What the record says, and what the publisher does, by name."""


def differences(kept: Kept) -> list[Difference]:
    """All of them; none means that the records of this deployment are whole."""
    if kept.record is None:
        return [("record", f"the record of {kept.id} cannot be read")]
    if not kept.path.name.startswith(kept.record.commit[:12]):
        return [("record", "the record is not about the commit that the deployment is named after")]
    found = list(_provenance(kept.record, kept.provenance, native=kept.native))
    if kept.provenance is not None and kept.provenance.commit is not None:
        found += _held(kept, kept.provenance.commit)
    found += [("record", text) for text in _told(kept, kept.record)]
    return found


def _told(kept: Kept, record: Record) -> Iterator[str]:
    """What the record says otherwise than the commit that is here."""
    if kept.native:
        yield from _own_commit(kept, record)
    elif kept.recalled is not None:
        if kept.made_here:
            yield from _commit(record, kept.recalled)
        yield from _config(kept, record)


def expected(kept: Kept, record: Record) -> JsonObject:
    """The same for the store, which holds the repository against it."""
    texts: JsonObject = {
        "appctl.remote": record.remote,
        "appctl.reference": record.reference,
        "ostree.manifest-digest": str(record.image_digest),
    }
    digests: JsonObject = {
        "ostree.manifest": str(record.image_digest),
        "ostree.container.image-config": str(record.config_digest),
    }
    return {
        "id": record.id,
        "deployment": kept.path.name,
        "ref": app_ref(record.remote, record.id, record.deployment),
        "commit": record.commit,
        "layers": [*record.layer_refs()],
        "ostree": record.ostree_layers,
        "metadata": texts if kept.made_here else {},
        "digests": digests if kept.made_here else {},
        "run": kept.run(),
    }


def _provenance(record: Record, provenance: Provenance | None, *, native: bool) -> Iterator[Difference]:
    if provenance is None:
        yield "provenance", f"the provenance of {record.id} cannot be read"
        return
    yield from _documents(record, provenance, native=native)
    for text in _judged(record, provenance):
        yield "provenance", text


def _held(kept: Kept, commit: Commit) -> Iterator[Difference]:
    """Whether what was kept of a commit is about the one that the image holds."""
    try:
        held, about = kept.held, evidence_of(commit).digest
    except AppctlError as error:
        yield "provenance", error.message
        return
    if held is None or {held.commit} != {Digest.of(commit.raw).hex, about.hex}:
        yield "provenance", "the commit that was kept is another than the image holds"


def _documents(record: Record, provenance: Provenance, *, native: bool) -> Iterator[Difference]:
    """Where they differ the record is the one in doubt if what was kept is of one piece: it was verified."""
    named = [] if native else [*_named(record, provenance)]
    if Digest.of(provenance.manifest.raw) != record.image_digest:
        fault = "provenance" if native or named else "record"
        yield fault, f"the manifest is not {record.image_digest}"
    yield from (("provenance", text) for text in named)
    index = provenance.index
    if (str(Digest.of(index.raw)) if index else "") != record.index_digest:
        yield "provenance", f"the index is not {record.index_digest or 'none'}"


def _named(record: Record, provenance: Provenance) -> Iterator[str]:
    """What one document says of the next."""
    digest = Digest.of(provenance.manifest.raw)
    try:
        manifest = parse_document(provenance.manifest.raw, provenance.manifest.media_type)
        index = provenance.index and parse_document(provenance.index.raw, provenance.index.media_type)
    except AppctlError as error:
        yield f"a document that cannot be read: {error.message}"
        return
    if not isinstance(manifest, Manifest) or manifest.config.digest != record.config_digest:
        yield f"the manifest does not name the config {record.config_digest}"
    if index and not (isinstance(index, Index) and digest in _entries(index)):
        yield f"the index does not name {digest}"


def _entries(index: Index) -> set[Digest]:
    return {entry.digest for entry in index.entries}


def _judged(record: Record, provenance: Provenance) -> Iterator[str]:
    judged = provenance.judged
    mine = (record.verify, record.threshold, record.identity, record.tag_bound, record.checked_at)
    kept = (judged.verify, judged.threshold, judged.identity, judged.tag_bound, judged.checked_at)
    if mine != kept or record.verdict != words(judged):
        yield "the record's verdict is another than the one that was kept"
    if record.signers != judged.signers or not _is_first_signer(record):
        yield "the record's signers are others than those that were kept"
    if (provenance.reference, provenance.remote) != (record.reference, record.remote):
        yield f"what was kept is about {provenance.reference} of remote {provenance.remote}"
    try:
        digest = str(evidence_of(provenance).digest)
    except AppctlError as error:
        yield error.message
    else:
        documents = [provenance.manifest, *([provenance.index] if provenance.index else [])]
        if digest not in {str(Digest.of(document.raw)) for document in documents}:
            yield f"the signatures that were kept are about {digest}"


def _is_first_signer(record: Record) -> bool:
    first = record.signers[0] if record.signers else None
    told = (record.signer, record.signer_name, record.signed_at)
    return told == ((first.fingerprint, first.name, first.signed_at) if first else ("", "", 0))


def _commit(record: Record, recalled: Recalled) -> Iterator[str]:
    """Who signed, as the commit says that was made at the install."""
    signers = [signer.fingerprint for signer in record.signers]
    times = [str(signer.signed_at) for signer in record.signers]
    if (recalled.lists.get("appctl.signer", []), recalled.lists.get("appctl.signed-at", [])) != (
        signers,
        times,
    ):
        yield "the record's signers are others than the commit's"
    if recalled.texts.get("appctl.id", "") != (record.id if record.given_id else ""):
        yield "the record and the commit differ about who chose the ID"


def _config(kept: Kept, record: Record) -> Iterator[str]:
    """What the record says of the app, as the image's config says it."""
    config = kept.config
    if config is None:
        yield "there is no config that can be read"
        return
    try:
        described = describe(config)
        asked = () if described.is_runtime else _asked(kept, described.text, described.permissions)
        version = version_of(config, parse_reference(record.reference), record.image_digest)
    except AppctlError as error:
        yield f"the record and the config do not fit together: {error.message}"
        return
    facts: Facts = {
        "version": (record.version, version),
        "title": (record.title, title_of(config)),
        "architecture": (record.arch, config.platform.architecture),
        "time": (record.created, config.created or 0),
        "layers": (record.layers, config.diff_ids),
        "permissions": (record.permissions, asked),
        "ignored instructions": (record.ignored, config.ignored + described.ignored),
        "flatpak ref": (record.flatpak_ref, str(described.ref or "")),
    }
    yield from _unlike(facts, "image")


def _asked(kept: Kept, label: str | None, shown: tuple[Permission, ...]) -> tuple[Permission, ...]:
    """What an app asks for: what its label showed; else what its file says, and somebody approved."""
    found = kept.metadata() if label is None else None
    return parse_metadata(found).permissions if found is not None else shown


def _own_commit(kept: Kept, record: Record) -> Iterator[str]:
    """What the record says of the app, as its publisher's own commit says it; it is its own config."""
    commit, reference = kept.facts, split_ref(record.reference)
    if commit is None or reference is None:
        yield f"the record and the commit {record.commit[:12]} cannot be held against each other"
        return
    try:
        metadata = read_label(commit.metadata)
        asked = _asked(kept, commit.metadata, metadata.permissions if metadata else ())
        app_id = id_of(reference, metadata)
    except AppctlError as error:
        yield f"the record and the commit do not fit together: {error.message}"
        return
    facts: Facts = {
        "ID": (record.id, record.id if record.given_id else app_id),
        "version": (record.version, version_of_commit(commit)),
        "time": (record.created, commit.timestamp),
        "permissions": (record.permissions, asked),
        "ref": (record.tag_bound, record.verify != "none" and reference.ref in (commit.refs or ())),
        "config": (record.config_digest, record.image_digest),
        "title": (record.title, ""),
        "architecture": (record.arch, ""),
        "layers": (record.layers, ()),
        "ignored instructions": (record.ignored, ()),
    }
    yield from _unlike(facts, "commit")


def _unlike(facts: Facts, which: str) -> Iterator[str]:
    wrong = (name for name, (mine, its) in facts.items() if mine != its)
    return (f"the record and the {which} differ about the {name}" for name in wrong)
