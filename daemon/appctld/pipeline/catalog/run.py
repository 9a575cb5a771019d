# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A catalogue from its registry to files that all may read: the same steps as an app's, and no deployment.

Nobody's login is used: what is written is for every user of this machine to read, and a list that only a
login opens is not. Guarantees: nothing is changed unless it returns; what is written was signed as this
remote's images are, and is in the order of its catalogues (R9).
"""

from dataclasses import replace

from appctld.config.catalog import catalog_reference
from appctld.config.remote import Remote
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonObject, get_str
from appctld.pipeline.admission.confirm import confirm_remote
from appctld.pipeline.admission.standing import confirm_standing, remember_standing
from appctld.pipeline.answers import understood
from appctld.pipeline.catalog.plan import plan_catalog
from appctld.pipeline.catalog.stages import Catalog, PlannedCatalog
from appctld.pipeline.images.layer import fetch_and_import
from appctld.pipeline.images.resolve import resolve
from appctld.pipeline.images.verify import verify
from appctld.pipeline.stages import ImportedLayer
from appctld.pipeline.tools import Tools


async def renew_catalog(remote: Remote, here: Digest | None, tools: Tools) -> Catalog:
    """Bring what the remote lists now; where that is `here` already, it is verified and nothing is fetched.

    Raises NotFound (the remote has none), and what a preview and an install raise.
    """
    tools = replace(tools, logins=(), bundle=None, stock=None, allow_downgrade=False)
    resolved = await resolve(catalog_reference(remote.covered, remote.catalog), remote, tools)
    planned = await plan_catalog(await verify(resolved, tools), here, tools)
    if planned.digest == here:
        return _as_it_is(planned, changed=False)
    async with tools.gate.keeping(planned.layer_refs()):
        layers = [await fetch_and_import(layer, planned, tools) for layer in planned.layers]
        async with tools.gate.moving():
            confirm_remote(remote, resolved.reference, tools)
            confirm_standing(planned.standing, here, tools)
            await _write(planned, await _unite(planned, layers, tools), tools)
    return _as_it_is(planned, changed=True)


def _as_it_is(planned: PlannedCatalog, *, changed: bool) -> Catalog:
    return Catalog(planned.digest, signed=bool(planned.verified.verdict.signers), changed=changed)


async def _unite(planned: PlannedCatalog, layers: list[ImportedLayer], tools: Tools) -> str:
    """The layers as one commit, which no ref keeps: what is read of it is kept as files."""
    found = {layer.layer.diff_id: layer.commit for layer in layers}
    request: JsonObject = {
        "op": "merge",
        "layers": [found[diff_id] for diff_id in planned.order],
        "metadata": {"appctl.remote": planned.remote.name},
        "timestamp": 0,
        "ostree": False,
    }
    answer = await tools.store(request)
    with understood("store"):
        return Digest(get_str(answer, "commit")).hex


async def _write(planned: PlannedCatalog, commit: str, tools: Tools) -> None:
    """What the store read of it, in the place of the one before."""
    remote = planned.remote
    answer = await tools.store(
        {
            "op": "store-catalog",
            "commit": commit,
            "remote": remote.name,
            "prefix": str(remote.prefix),
            "ids": [*remote.ids],
            "signed": bool(planned.verified.verdict.signers),
        }
    )
    with understood("store"):
        name = get_str(answer, "name")
    await tools.aside(remember_standing, planned.standing, tools)  # what was refused does not count as seen
    await show(remote, name, tools)


async def show(remote: Remote, name: str, tools: Tools) -> None:
    """Let what was stored under that name be current."""
    answer = await tools.store({"op": "show-catalog", "remote": remote.name, "name": name})
    with understood("store"):
        get_str(answer, "shown")
