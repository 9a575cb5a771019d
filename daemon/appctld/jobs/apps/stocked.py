# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Install without deploying, and without fetching: what the one brings here, the other deploys.

Guarantees: without fetching no worker gets a network; what was brought here is verified, and judged, as if it
came now; its layers stay until it is deployed, or until somebody prunes. What one user's login opened is not
here for another, who would need one as well; what is installed is here for everybody.
"""

from dataclasses import replace

from appctld.config.remote import Remote
from appctld.errors import InvalidReference, NotFound
from appctld.jobs.apps.kinds import AnyPlan, bring_here, refs_of_all
from appctld.jobs.workshop import Workshop
from appctld.model.jsonvalue import JsonObject
from appctld.model.ostreeref import AnyReference, OstreeRef
from appctld.pipeline.images.mirrors import is_private
from appctld.pipeline.recall import recall
from appctld.pipeline.records.provenance import provenance_of
from appctld.pipeline.records.stock import Stock
from appctld.pipeline.stages import Planned
from appctld.state.provenance import read_provenance
from appctld.state.pulled import Pulled, find_pulled, remember_pulled
from appctld.state.records import Record


async def pull(planned: AnyPlan, before: tuple[Planned, ...], shop: Workshop) -> JsonObject:
    """Bring what a plan needs here, write down what spoke for it, and deploy nothing."""
    if not isinstance(planned, Planned):
        raise InvalidReference(
            "a commit of an OSTree repository is not brought here without deploying it",
            hint="without --no-deploy",
        )
    provenance = provenance_of(planned.verified, planned.config_bytes)
    private = is_private(planned.remote, planned.verified.resolved.reference, shop.tools)
    owner = shop.job.uid if private else None
    refs = refs_of_all(planned, before)
    pulled = Pulled(provenance, refs, owner)
    async with shop.tools.gate.keeping(refs):
        await bring_here(planned, before, shop.tools)
        arch = planned.config.platform.architecture
        await shop.tools.aside(remember_pulled, shop.tools.paths, arch, pulled)
    return {
        "id": planned.id,
        "version": planned.version,
        "remote": planned.remote.name,
        "reference": str(planned.reference),
        "image-digest": str(planned.digest),
        "bytes-downloaded": planned.bytes_to_download,
        "bytes-reused": planned.bytes_here,
        "changed": False,
        "pulled": True,
    }


async def from_stock(reference: AnyReference, remote: Remote, shop: Workshop) -> Workshop:
    """The same where nothing is fetched. Raises NotFound where nothing of the reference is here."""
    if isinstance(reference, OstreeRef):
        raise InvalidReference(
            "nothing is kept of an OSTree repository but what is installed", hint="without --no-pull"
        )
    stock = await _pulled(reference, remote, shop) or await _installed(reference, remote, shop)
    if stock is None:
        raise NotFound(
            f"{reference} was not brought here, and nothing is fetched", hint=f"appctl install {reference}"
        )
    return replace(shop, tools=replace(shop.tools, stock=stock))


async def _pulled(reference: AnyReference, remote: Remote, shop: Workshop) -> Stock | None:
    named = remote.name, str(reference), shop.tools.platform.architecture
    found = await shop.tools.aside(find_pulled, shop.tools.paths, *named)
    if found is None or not found.is_for(shop.job.uid):
        return None
    config = found.provenance.config
    return Stock(found.provenance, config.raw) if config else None


async def _installed(reference: AnyReference, remote: Remote, shop: Workshop) -> Stock | None:
    """What the newest deployment of it was made from, as long as it is kept."""
    wanted = remote.name, str(reference), shop.tools.platform.architecture
    for app in (await shop.installed()).values():
        for record in app.records:
            if (record.remote, record.reference, record.arch) == wanted:
                return await _of(record, shop)
    return None


async def _of(record: Record, shop: Workshop) -> Stock:
    """Raises RepoCorrupt."""
    directory = shop.tools.paths.app(record.id) / record.deployment
    provenance = await shop.tools.aside(read_provenance, directory)
    if provenance.config is not None:
        return Stock(provenance, provenance.config.raw)
    return Stock(provenance, (await recall(record.commit, shop.tools)).config)
