# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which sentence a reference has: that of images, or that of native commits."""

from collections.abc import Sequence

from appctld.config.remote import Remote
from appctld.model.ostreeref import AnyReference, OstreeRef
from appctld.pipeline.companions import companions
from appctld.pipeline.deploy import Told
from appctld.pipeline.native.pull import bring as bring_commit
from appctld.pipeline.native.run import install_commit, preview_commit
from appctld.pipeline.native.stages import PlannedCommit
from appctld.pipeline.run import bring_all, install_together, preview
from appctld.pipeline.stages import Deployed, Planned
from appctld.pipeline.tools import Tools
from appctld.state.paths import commit_ref

AnyPlan = Planned | PlannedCommit


async def plan_any(reference: AnyReference, remote: Remote, tools: Tools) -> AnyPlan:
    """What an install of `reference` would do; nothing is changed."""
    if isinstance(reference, OstreeRef):
        return await preview_commit(reference, remote, tools)
    return await preview(reference, remote, tools)


async def beside(planned: AnyPlan, tools: Tools) -> tuple[Planned, ...]:
    """What is installed before it: the runtime that it stands on, and extensions."""
    return await companions(planned, tools) if isinstance(planned, Planned) else ()


def refs_of(planned: AnyPlan) -> tuple[str, ...]:
    """The refs that keep what is brought here for a plan."""
    if isinstance(planned, PlannedCommit):
        return (commit_ref(planned.remote.name, planned.digest.hex),)
    return tuple(planned.layer_refs())


def refs_of_all(planned: AnyPlan, before: Sequence[Planned]) -> tuple[str, ...]:
    """The same with what is brought before it, each once."""
    return tuple(sorted({ref for one in (*before, planned) for ref in refs_of(one)}))


async def bring_here(planned: AnyPlan, before: Sequence[Planned], tools: Tools) -> None:
    """Download and import what plans need, and deploy nothing. No prune that runs meanwhile drops it."""
    async with tools.gate.keeping(refs_of_all(planned, before)):
        if isinstance(planned, PlannedCommit):
            await bring_commit(planned, tools)
            return
        await bring_all((*before, planned), tools)


async def carry_out(
    planned: AnyPlan, before: Sequence[Planned], tools: Tools, told: Told
) -> tuple[Deployed, ...]:
    """Do what plans say, `planned` last; nothing is changed but what `told` heard of."""
    if isinstance(planned, PlannedCommit):
        return (await install_commit(planned, tools, told=told),)
    return await install_together((*before, planned), tools, told=told)
