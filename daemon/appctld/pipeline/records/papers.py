# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is written beside a deployment: its record, how it is run, and why it was believed. Pure."""

import itertools
import time
from dataclasses import dataclass

from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonObject
from appctld.model.permissions import Permission
from appctld.pipeline.native.stages import ImportedCommit
from appctld.pipeline.plans import Plan
from appctld.pipeline.records.provenance import provenance_of, provenance_of_commit, words
from appctld.pipeline.records.runfile import commit_run_file, run_file, runtime_of
from appctld.pipeline.stages import Merged
from appctld.state.provenance import Judged, Provenance
from appctld.state.records import Record

DROPPED_BYTES = 16 << 10  # of paths in one record: some 200, and a small part of what a record may have


@dataclass(frozen=True, slots=True)
class Papers:
    """The three of one deployment; sizes in the record are still to be measured by the store."""

    record: Record
    run: JsonObject
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class _Own:
    """What a record says of one kind of deployment in its own way."""

    commit: str
    config_digest: Digest
    arch: str
    created: int
    installed_size: int
    downloaded: int
    permissions: tuple[Permission, ...]
    index_digest: str = ""
    layers: tuple[Digest, ...] = ()
    reused: int = 0
    dropped: tuple[str, ...] = ()
    ostree_layers: int = 0
    flatpak_ref: str = ""
    runtime: str = ""


def image_papers(merged: Merged, deployment: str) -> Papers:
    """Those of an image that becomes the deployment of that name."""
    planned = merged.planned
    index = planned.verified.resolved.index
    downloaded = sum(layer.downloaded for layer in merged.imported.layers)
    own = _Own(
        commit=merged.commit,
        config_digest=planned.verified.manifest.config.digest,
        arch=planned.config.platform.architecture,
        created=planned.config.created or 0,
        installed_size=merged.installed_size,
        downloaded=downloaded,
        permissions=merged.permissions,
        index_digest=str(index.digest) if index else "",
        layers=planned.order,
        reused=sum(layer.descriptor.size for layer in planned.layers) - downloaded,
        dropped=_dropped(merged),
        ostree_layers=planned.ostree_layers,
        flatpak_ref=str(planned.described.ref or ""),
        runtime=str(runtime_of(merged) or ""),
    )
    own_commit = planned.ostree_layers == len(planned.order)  # whose metadata is its publisher's
    config = planned.config_bytes if own_commit else None
    provenance = provenance_of(planned.verified, config, merged.imported.signed)
    return Papers(_record(planned, own, provenance.judged, deployment), run_file(merged), provenance)


def commit_papers(imported: ImportedCommit, deployment: str) -> Papers:
    """Those of a native commit: it is its own config, and tells no architecture."""
    planned = imported.planned
    own = _Own(
        commit=imported.commit,
        config_digest=planned.digest,
        arch="",
        created=planned.verified.facts.timestamp,
        installed_size=imported.installed_size,
        downloaded=imported.downloaded,
        permissions=imported.permissions,
    )
    provenance = provenance_of_commit(planned.verified)
    return Papers(_record(planned, own, provenance.judged, deployment), commit_run_file(imported), provenance)


def _record(planned: Plan, own: _Own, judged: Judged, deployment: str) -> Record:
    signer = judged.signers[0] if judged.signers else None
    return Record(
        id=planned.id,
        remote=planned.remote.name,
        reference=str(planned.reference),
        image_digest=planned.digest,
        index_digest=own.index_digest,
        config_digest=own.config_digest,
        commit=own.commit,
        layers=own.layers,
        verify=judged.verify,
        signer=signer.fingerprint if signer else "",
        signer_name=signer.name if signer else "",
        signed_at=signer.signed_at if signer else 0,
        signers=judged.signers,
        threshold=judged.threshold,
        identity=judged.identity,
        verdict=words(judged),
        checked_at=judged.checked_at,
        tag_bound=judged.tag_bound,
        version=planned.version,
        title=planned.title,
        arch=own.arch,
        installed_size=own.installed_size,
        install_time=int(time.time()),
        bytes_downloaded=own.downloaded,
        bytes_reused=own.reused,
        deployment=deployment,
        permissions=own.permissions,
        created=own.created,
        ignored=planned.ignored,
        dropped=own.dropped,
        ostree_layers=own.ostree_layers,
        flatpak_ref=own.flatpak_ref,
        runtime=own.runtime,
        given_id=planned.given_id,
    )


def _dropped(merged: Merged) -> tuple[str, ...]:
    """Devices and the like that reached no deployment, as many as a record should carry."""
    layers = (layer.dropped for layer in merged.imported.layers)
    found = itertools.chain(merged.dropped, *layers)
    kept: list[str] = []
    room = DROPPED_BYTES
    for path in found:
        room -= len(path.encode())
        if room < 0:
            break
        kept.append(path)
    return tuple(kept)
