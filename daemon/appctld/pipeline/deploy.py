# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Step 6: a merged commit becomes the app's current deployment.

The store does it in R10's order; this module says what the record holds. That the image was installed is
written down first (R9); nothing else is changed unless it returns.
"""

import itertools
import time
from pathlib import Path

from appctld.model.jsonvalue import get_str
from appctld.pipeline.answers import understood
from appctld.pipeline.provenance import provenance_of, words
from appctld.pipeline.runfile import run_file
from appctld.pipeline.stages import Deployed, Merged
from appctld.pipeline.standing import remember_standing
from appctld.pipeline.tools import Tools
from appctld.state.paths import app_ref
from appctld.state.provenance import Provenance
from appctld.state.records import Record, read_record

DROPPED_BYTES = 16 << 10  # of paths in one record: some 200, and a small part of what a record may have


async def deploy(merged: Merged, tools: Tools) -> Deployed:
    """Check out and make current. Raises NoSpace, RepoCorrupt (a stored object is not what it was)."""
    tools.progress.stage("deploying")
    provenance = provenance_of(merged.planned.verified)
    record = _record(merged, provenance, tools)
    remember_standing(merged.planned.standing, tools)
    answer = await tools.store(
        {
            "op": "deploy",
            "commit": merged.commit,
            "id": record.id,
            "deployment": record.deployment,
            "ref": app_ref(record.remote, record.id, record.deployment),
            "record": record.to_json(),
            "run": run_file(merged),
            "provenance": provenance.to_json(),
        }
    )
    with understood("store"):
        path = Path(get_str(answer, "path"))
    written = read_record(path.parent)  # with the size that the store measured
    return Deployed(written, path, previous=merged.planned.current)  # confirmed under the gate


def _record(merged: Merged, provenance: Provenance, tools: Tools) -> Record:
    planned = merged.planned
    resolved, judged = planned.verified.resolved, provenance.judged
    signer = judged.signers[0] if judged.signers else None
    downloaded = sum(layer.downloaded for layer in merged.layers)
    return Record(
        id=planned.id,
        remote=resolved.remote.name,
        reference=str(resolved.reference),
        image_digest=resolved.digest,
        index_digest=str(resolved.index.digest) if resolved.index else "",
        config_digest=planned.verified.manifest.config.digest,
        commit=merged.commit,
        layers=planned.order,
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
        arch=planned.config.platform.architecture,
        installed_size=merged.installed_size,
        install_time=int(time.time()),
        bytes_downloaded=downloaded,
        bytes_reused=sum(layer.descriptor.size for layer in planned.layers) - downloaded,
        deployment=_free_name(planned.id, merged.commit, tools),
        permissions=planned.permissions,
        created=planned.config.created or 0,
        ignored=planned.config.ignored,
        dropped=_dropped(merged),
    )


def _dropped(merged: Merged) -> tuple[str, ...]:
    """Devices and the like that reached no deployment, as many as a record should carry."""
    found = itertools.chain.from_iterable(layer.dropped for layer in merged.layers)
    kept: list[str] = []
    room = DROPPED_BYTES
    for path in found:
        room -= len(path.encode())
        if room < 0:
            break
        kept.append(path)
    return tuple(kept)


def _free_name(app_id: str, commit: str, tools: Tools) -> str:
    """`<first 12 hex of the commit>.<n>`: a reinstall of the same commit gets a directory of its own."""
    number = 0
    while (tools.paths.app(app_id) / f"{commit[:12]}.{number}").exists():
        number += 1
    return f"{commit[:12]}.{number}"
