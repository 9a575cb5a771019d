# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Steps 4 and 5: everything of a planned commit, from its remote into a quarantine, and from there to us.

libostree pulls, in a sandbox that sees the network and that directory only; the store reads what is in it as
a stranger's, hashes every object (R3, R4) and takes what the commit needs.
"""

import contextlib
from pathlib import Path

from appctld.errors import DigestMismatch
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonObject, get_int, get_str, get_string_map
from appctld.model.permissions import metadata_in
from appctld.pipeline.admission.claims import check_metadata
from appctld.pipeline.answers import bytes_so_far, understood
from appctld.pipeline.native.lent import Lent, lent
from appctld.pipeline.native.quarantine import quarantine
from appctld.pipeline.native.stages import ImportedCommit, PlannedCommit, PulledCommit
from appctld.pipeline.tools import BLOB_DEADLINE, Tools
from appctld.state.paths import commit_ref

COMMIT_TREE_BYTES = 16 << 30  # of one commit's objects, as for an uncompressed layer
COMMIT_OBJECTS = 1_000_000  # as many as a tree may have names


async def bring(planned: PlannedCommit, tools: Tools) -> ImportedCommit:
    """Pull a commit and import it: what is new in it, or all of it where what was here is gone meanwhile.

    Raises as `pull` and `import_commit`, and RepoCorrupt where what is here is damaged.
    """
    async with lent(planned, tools) as parent:
        if parent is not None:
            with contextlib.suppress(DigestMismatch):
                return await _bring(planned, parent, tools)
    return await _bring(planned, None, tools)


async def _bring(planned: PlannedCommit, parent: Lent | None, tools: Tools) -> ImportedCommit:
    async with quarantine(tools) as place:
        pulled = await pull(planned, place, parent, tools)
        return await import_commit(pulled, tools)


async def pull(planned: PlannedCommit, place: Path, parent: Lent | None, tools: Tools) -> PulledCommit:
    """Download into an empty quarantine what a commit has and `parent` has not.

    Raises the puller's leaves, LimitExceeded, NoSpace.
    """
    tools.progress.stage("downloading")
    request: JsonObject = {
        "op": "pull",
        "commit": planned.digest.hex,
        "ref": planned.reference.ref,
        "limit": COMMIT_TREE_BYTES,
        "deltas": True,
        "have": parent.commit if parent else None,
    }
    answer = await tools.pull(
        planned.remote,
        place,
        request,
        report=lambda facts: tools.progress.downloaded(str(planned.digest), bytes_so_far(facts)),
        parent=parent.place if parent else None,
        deadline=BLOB_DEADLINE,
    )
    with understood("puller"):
        downloaded = get_int(answer, "bytes")
    return PulledCommit(planned, place, downloaded, parent.commit if parent else "")


async def import_commit(pulled: PulledCommit, tools: Tools) -> ImportedCommit:
    """Take the commit over, with this remote's ref on it.

    Raises DigestMismatch, UnsafeArchive, BadManifest, LimitExceeded, NoSpace, PolicyDenied;
    ContentMismatch or NeedsApproval where the tree asks for what the preview did not show.
    """
    planned = pulled.planned
    tools.progress.stage("importing")
    request: JsonObject = {
        "op": "import-commit",
        "quarantine": str(pulled.quarantine),
        "commit": planned.digest.hex,
        "ref": commit_ref(planned.remote.name, planned.digest.hex),
        "max_bytes": COMMIT_TREE_BYTES,
        "max_objects": COMMIT_OBJECTS,
        "strict": planned.remote.strict,
        "parent_commit": pulled.parent,
    }
    answer = await tools.store(request)
    with understood("store"):
        commit, size = Digest(get_str(answer, "commit")).hex, get_int(answer, "installed_size")
        metadata = metadata_in(get_string_map(answer, "files", {}))
    permissions = check_metadata(planned, planned.verified.facts.metadata, metadata, tools)
    (await tools.aside(tools.policy)).check_app(planned.id, permissions, size)
    return ImportedCommit(planned, commit, pulled.downloaded, size, metadata, permissions)
