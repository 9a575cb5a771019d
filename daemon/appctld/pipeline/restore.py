# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Put an app in place again as it was: from its registry, or from a commit that is whole here.

Guarantees: what the registry gives is verified and planned like any install, and must be the very image that
was recorded; where the same signatures count, it must make up the very commit. What is put in place from here
states no new fact. In both cases the damaged directory stays as it is: an app may be running from it.
"""

from dataclasses import dataclass
from functools import partial

from appctld.errors import Conflict, DigestMismatch, RepoCorrupt
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonObject
from appctld.model.ostreeref import AnyReference, OstreeRef
from appctld.pipeline.again import as_before
from appctld.pipeline.deploy import check_out, free_name
from appctld.pipeline.exports.caches import refresh_caches
from appctld.pipeline.native.run import install_commit, preview_commit
from appctld.pipeline.native.stages import ImportedCommit
from appctld.pipeline.plans import Plan
from appctld.pipeline.records.papers import Papers
from appctld.pipeline.run import install, preview
from appctld.pipeline.stages import Deployed, Merged
from appctld.pipeline.tools import Tools
from appctld.state.provenance import Provenance
from appctld.state.records import Record, installed_app, read_record

AGAIN = "appctl install --reinstall REFERENCE"  # what repair cannot mend


@dataclass(frozen=True, slots=True)
class Recorded:
    """What must come back, in the place of `deployment`.

    `index` is the digest of the index that led to it, where that is known. `signed` are fingerprint and time
    of each signature that counted, of which `commit` was made. `arch` is empty for this machine's own.
    """

    id: str
    deployment: str
    remote: str
    reference: AnyReference
    digest: Digest
    index: Digest | None
    commit: str
    signed: tuple[tuple[str, int], ...]
    arch: str = ""
    given_id: bool = False


async def restore(recorded: Recorded, tools: Tools) -> Deployed:
    """Fetch what is missing at the recorded digest, and deploy it.

    Raises as an install; DigestMismatch (another image, or another app's), RepoCorrupt (another commit),
    Conflict (the damaged deployment is not current any more).
    """
    tools = as_before(recorded, tools)
    remote, reference = tools.remote(recorded.remote, recorded.reference), recorded.reference
    same = partial(_check_same, recorded, tools)
    if isinstance(reference, OstreeRef):
        commit = await preview_commit(reference, remote, tools, at=recorded.digest)
        _check_image(recorded, commit)
        return await install_commit(commit, tools, same)
    image = await preview(reference, remote, tools, at=recorded.index or recorded.digest)
    _check_image(recorded, image)
    return await install(image, tools, same)


def _check_image(recorded: Recorded, planned: Plan) -> None:
    if (planned.id, planned.digest) != (recorded.id, recorded.digest):
        raise DigestMismatch(f"the remote has {planned.id} instead of {recorded.id} as it was installed")


def _check_same(recorded: Recorded, tools: Tools, ready: Merged | ImportedCommit) -> None:
    """The commit carries who signed and when, so that one that was signed anew is another."""
    link = tools.paths.app(recorded.id) / "current"
    if not link.is_symlink() or str(link.readlink()) != recorded.deployment:
        raise Conflict(f"{recorded.id} was changed meanwhile", hint="try again")
    signed = tuple((signer.fingerprint, signer.signed_at) for signer in ready.planned.verdict.signers)
    if signed == recorded.signed and ready.commit != recorded.commit:
        raise RepoCorrupt(f"{recorded.id}: the layers make up another commit than was recorded", hint=AGAIN)


async def redeploy(record: Record, run: JsonObject, provenance: Provenance, tools: Tools) -> Record:
    """Check a commit that is here out again. Raises Conflict (it is not current any more), RepoCorrupt."""
    async with tools.gate.moving():
        if installed_app(tools.paths, record.id).current != record:
            raise Conflict(f"{record.id} was changed meanwhile", hint="try again")
        again = record.moved_to(free_name(record.id, record.commit, tools))
        path = await check_out(Papers(again, run, provenance), tools)
        await refresh_caches(tools)
        return read_record(path.parent)
