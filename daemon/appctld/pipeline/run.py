# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The sentence: what appctl does, one line a step. Nothing else stands here."""

from collections.abc import Sequence

from appctld.config.remote import Remote
from appctld.model.digest import Digest
from appctld.model.reference import Reference
from appctld.pipeline.admission.confirm import Same, anything, confirm
from appctld.pipeline.admission.runtimes import check_runtime, is_here
from appctld.pipeline.deploy import Told, deploy, unheard
from appctld.pipeline.images.layer import expect, fetch_and_import
from appctld.pipeline.images.merge import merge
from appctld.pipeline.images.plan import plan
from appctld.pipeline.images.published import check_commit
from appctld.pipeline.images.resolve import resolve
from appctld.pipeline.images.verify import verify
from appctld.pipeline.parallel import in_parallel
from appctld.pipeline.stages import Deployed, Imported, ImportedLayer, Planned
from appctld.pipeline.tools import Tools

LAYERS_AT_ONCE = 3  # of one job: one downloads, one inflates, one writes; each is up to four processes


async def preview(reference: Reference, remote: Remote, tools: Tools, at: Digest | None = None) -> Planned:
    """What an install of `reference` would do, or of what it was when it led to the digest `at`.

    Nothing is changed. Raises a leaf of errors.AppctlError.
    """
    resolved = await resolve(reference, remote, tools, at)
    verified = await verify(resolved, tools)
    return await plan(verified, tools)


async def install(planned: Planned, tools: Tools, same: Same = anything) -> Deployed:
    """Bring a planned image to a deployment; `same` refuses a commit that is not the one it should be.

    Raises a leaf of errors.AppctlError; nothing is changed unless it returns.
    """
    return (await install_together((planned,), tools, same))[-1]


async def install_together(
    plans: Sequence[Planned], tools: Tools, same: Same = anything, told: Told = unheard
) -> tuple[Deployed, ...]:
    """The same of several, of which the last stands on the others; all are whole before one is deployed.

    Of the others each is left out that another job installed meanwhile. `told` hears of each as it happens,
    whatever becomes of the next.
    """
    async with tools.gate.keeping({ref for planned in plans for ref in planned.layer_refs()}):
        imported = await bring_all(plans, tools)
        async with tools.gate.moving():
            *beside, last = plans
            check_runtime(last, beside, tools)
            ready = [
                pair
                for pair in zip(plans, imported, strict=True)
                if pair[0] is last or not is_here(pair[0], tools)
            ]
            for planned, _ in ready:
                await confirm(planned, tools)
            merged = [await merge(*pair, tools) for pair in ready]
            for one in merged:
                same(one)
            return tuple([await deploy(one, tools, told) for one in merged])


async def bring_all(plans: Sequence[Planned], tools: Tools) -> list[Imported]:
    """All layers of these images, one after the other, whatever of them is here already."""
    expect((layer for planned in plans for layer in planned.layers), tools)
    return [await _bring(planned, tools) for planned in plans]


async def _bring(planned: Planned, tools: Tools) -> Imported:
    signed = await check_commit(planned, tools)
    layers: tuple[ImportedLayer, ...] = ()
    for group in planned.in_turn():
        work = (fetch_and_import(layer, planned, tools, signed) for layer in group)
        layers += await in_parallel(work, LAYERS_AT_ONCE)
    return Imported(layers, signed)
