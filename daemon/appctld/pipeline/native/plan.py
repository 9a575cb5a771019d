# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Step 3: what an install of a commit would do, decided on what the signed commit says of itself.

Whose ID it is, is decided here (R8), and whether it is older than what was installed before (R9).
"""

from appctld.model.appid import checked_id
from appctld.model.commit import CommitFacts
from appctld.model.order import Place
from appctld.model.ostreeref import OstreeRef, id_of_ref
from appctld.model.permissions import Metadata
from appctld.pipeline.admission.claims import allowed_id, called, check_policy, owned, read_label
from appctld.pipeline.admission.here import digest_here
from appctld.pipeline.admission.standing import judged
from appctld.pipeline.native.stages import PlannedCommit, VerifiedCommit
from appctld.pipeline.stages import Standing
from appctld.pipeline.tools import Tools
from appctld.trust.clock import check_age
from appctld.trust.order import agreed_time, moment_of


async def plan_commit(verified: VerifiedCommit, tools: Tools) -> PlannedCommit:
    """Decide what is to be done.

    Raises BadManifest, Conflict (the ID belongs to somebody else), NotFound (a runtime that is not here),
    PolicyDenied, or as `standing.judged`, and Expired where its signature is older than the remote allows.
    """
    resolved, facts = verified.resolved, verified.facts
    metadata = read_label(facts.metadata)
    own = allowed_id(id_of(resolved.reference, metadata), resolved.remote)
    app_id = called(own, None, resolved.remote, tools)
    current = owned(app_id, resolved.reference, resolved.remote, tools)
    planned = PlannedCommit(
        verified=verified,
        id=app_id,
        version=version_of(facts),
        permissions=metadata.permissions if metadata else (),
        current=current,
        standing=_stand(verified, app_id, tools),
        given_id=app_id != own,
    )
    await check_policy(planned, 0, tools)
    return planned


def id_of(reference: OstreeRef, metadata: Metadata | None) -> str:
    """The ID that its label names, else that of the ref. Raises BadManifest."""
    named = metadata.name if metadata else ""
    return checked_id(named) if named else id_of_ref(reference)


def version_of(facts: CommitFacts) -> str:
    """What it says, else how it is called."""
    return facts.version or facts.digest.hex[:12]


def _stand(verified: VerifiedCommit, app_id: str, tools: Tools) -> Standing:
    """A commit's own time orders it; it is its own content."""
    resolved, remote = verified.resolved, verified.resolved.remote
    signed_at = agreed_time((signer.signed_at for signer in verified.verdict.signers), remote.threshold)
    check_age(signed_at, remote.max_age, tools.now())
    place = Place(str(remote.prefix), resolved.reference.ref, str(tools.platform), app_id)
    moment = moment_of(resolved.digest, resolved.digest, verified.facts.timestamp, signed_at)
    return judged(place, moment, digest_here(app_id, tools), tools)
