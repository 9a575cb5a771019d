# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The sentence for native commits, one line a step. Nothing else stands here."""

from appctld.config.remote import Remote
from appctld.model.digest import Digest
from appctld.model.ostreeref import OstreeRef
from appctld.pipeline.admission.confirm import Same, anything, confirm
from appctld.pipeline.deploy import Told, deploy, unheard
from appctld.pipeline.native.plan import plan_commit
from appctld.pipeline.native.pull import bring
from appctld.pipeline.native.resolve import resolve_commit
from appctld.pipeline.native.stages import PlannedCommit
from appctld.pipeline.native.verify import verify_commit
from appctld.pipeline.stages import Deployed
from appctld.pipeline.tools import Tools
from appctld.state.paths import commit_ref


async def preview_commit(
    reference: OstreeRef, remote: Remote, tools: Tools, at: Digest | None = None
) -> PlannedCommit:
    """What an install of `reference` would do, or of the commit `at` that it was.

    Nothing is changed. Raises a leaf of errors.AppctlError.
    """
    resolved = await resolve_commit(reference, remote, tools, at)
    verified = await verify_commit(resolved, tools)
    return await plan_commit(verified, tools)


async def install_commit(
    planned: PlannedCommit, tools: Tools, same: Same = anything, told: Told = unheard
) -> Deployed:
    """Bring a planned commit to a deployment, unless `same` refuses it; `told` hears of it at once.

    Raises a leaf of errors.AppctlError; nothing is changed unless it returns.
    """
    async with tools.gate.keeping({commit_ref(planned.remote.name, planned.digest.hex)}):
        imported = await bring(planned, tools)
        async with tools.gate.moving():
            await confirm(planned, tools)
            same(imported)
            return await deploy(imported, tools, told)
