# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Step 5: the image's layers as one commit that carries what was verified.

The tree's own metadata file is held against the label that the preview showed (claims.py).
"""

import base64

from appctld.errors import BadManifest
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonObject, get_int, get_str, get_string_map, get_strings
from appctld.model.permissions import metadata_in
from appctld.model.published import Reading
from appctld.pipeline.admission.claims import check_tree
from appctld.pipeline.answers import understood
from appctld.pipeline.stages import Imported, ImportedLayer, Merged, Planned
from appctld.pipeline.tools import Tools


async def merge(planned: Planned, imported: Imported, tools: Tools) -> Merged:
    """Unite the layers; a publisher's own commit with nothing above it stays what it is.

    Raises BadManifest, UnsafeArchive, ContentMismatch, NeedsApproval, PolicyDenied (it is too large).
    """
    tools.progress.stage("merging")
    request: JsonObject = {
        "op": "merge",
        "layers": [*_commits(planned, imported.layers)],
        "metadata": _commit_metadata(planned),
        "timestamp": max(planned.config.created or 0, 0),
        "ostree": planned.published is not None,
    }
    answer = await tools.store(request)
    with understood("store"):
        commit, size = Digest(get_str(answer, "commit")).hex, get_int(answer, "installed_size")
        metadata = metadata_in(get_string_map(answer, "files", {}), planned.described.files)
        dropped = tuple(get_strings(answer, "dropped", []))
    permissions = check_tree(planned, planned.described, metadata, tools)
    (await tools.aside(tools.policy)).check_app(planned.id, permissions, size)
    return Merged(planned, imported, commit, size, metadata, permissions, dropped)


def _commits(planned: Planned, layers: tuple[ImportedLayer, ...]) -> list[str]:
    """What is united, lowest first; of the layers that hold a publisher's commit that commit alone."""
    found = {(layer.layer.diff_id, layer.layer.reading): layer.commit for layer in layers}
    above = [found[diff_id, Reading.PLAIN] for diff_id in planned.order[planned.ostree_layers :]]
    if planned.published is None:
        return above
    commit = found[planned.order[0], Reading.OSTREE]
    if commit != planned.published.commit:  # which an image of the same layers brought, under its own label
        raise BadManifest(
            f"the image holds commit {commit}, not {planned.published.commit} as its label says"
        )
    return [commit, *above]


def _commit_metadata(planned: Planned) -> JsonObject:
    """What the commit says about where it came from."""
    resolved, verdict = planned.verified.resolved, planned.verified.verdict
    signers = verdict.signers
    return {
        "ostree.manifest-digest": str(resolved.digest),
        "ostree.manifest": base64.b64encode(resolved.manifest).decode(),
        "ostree.container.image-config": planned.config_bytes.decode(),
        "appctl.reference": str(resolved.reference),
        "appctl.remote": resolved.remote.name,
        "appctl.signer": [signer.fingerprint for signer in signers],
        "appctl.signed-at": [str(signer.signed_at) for signer in signers],
        **({"appctl.id": planned.id} if planned.given_id else {}),
    }
