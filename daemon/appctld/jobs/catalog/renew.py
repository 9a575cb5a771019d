# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Ask a remote for its catalogue. That it has none is an answer, and remembered as one.

Some registries answer 401 for what is not there, and what only a login opens is nobody's list: both are
"none". Everything else that goes wrong leaves what is here as it is.
"""

from appctld.config.remote import Remote
from appctld.errors import NotFound, RegistryAuth
from appctld.jobs.catalog.shelf import lists_apps, under
from appctld.jobs.removal import prune_if_free
from appctld.jobs.workshop import Workshop
from appctld.pipeline.catalog.run import renew_catalog
from appctld.pipeline.catalog.stages import Catalog
from appctld.state.catalogs import Known


async def renew(remote: Remote, shop: Workshop) -> None:
    """Bring what it lists now, and remember when it was asked. Raises as `renew_catalog`, but NotFound."""
    if not lists_apps(remote):
        return
    catalogs = shop.book.catalogs
    async with shop.tools.locks[f"catalog {remote.name}"]:
        before = catalogs.about(remote)
        found = await _found(remote, before, shop)
        await catalogs.note(remote.name, _known(remote, before, found, shop.tools.now()))
        if found is None or found.changed:
            await catalogs.tidy(shop.book.all())
            shop.observer.remote_refreshed(remote.name)
    if before and before.digest and found and found.changed:
        await prune_if_free(shop)


async def _found(remote: Remote, before: Known | None, shop: Workshop) -> Catalog | None:
    try:
        return await renew_catalog(remote, before.digest if before else None, shop.tools)
    except (NotFound, RegistryAuth):
        return None


def _known(remote: Remote, before: Known | None, found: Catalog | None, now: int) -> Known:
    if found is None:
        return Known(now, under(remote))
    apps = found.apps if found.changed or before is None else before.apps
    return Known(now, under(remote), found.digest, signed=found.signed, apps=apps)
