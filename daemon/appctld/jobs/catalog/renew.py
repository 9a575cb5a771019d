# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Ask a remote for its catalogue. That it has none is an answer, and remembered as one.

Some registries answer 401 for what is not there, and what only a login opens is nobody's list: both are
"none". Everything else that goes wrong leaves what is here as it is.
"""

import contextlib
import logging

from appctld.config.remote import Remote
from appctld.errors import NotFound, Refused, RegistryAuth, Transport
from appctld.jobs.apps.removal import prune_if_free
from appctld.jobs.catalog.shelf import lists_apps, under
from appctld.jobs.workshop import Workshop
from appctld.model.digest import Digest
from appctld.pipeline.catalog.hints import renew_hints
from appctld.pipeline.catalog.run import renew_catalog
from appctld.pipeline.catalog.stages import Catalog
from appctld.state.catalogs import Known

logger = logging.getLogger(__name__)


async def renew(remote: Remote, shop: Workshop) -> None:
    """Bring what it lists now, and remember when it was asked. Raises as `renew_catalog`, but NotFound."""
    if not lists_apps(remote):
        return
    catalogs = shop.book.catalogs
    async with catalogs.renewing(remote):
        before = await catalogs.about(remote)
        found = await _found(remote, before, shop)
        await catalogs.note(remote.name, _known(remote, before, found, shop.tools.now()))
    await shop.book.tidy_catalogs()
    if found.changed if found else before and before.digest:
        shop.observer.remote_refreshed(remote.name)
    if before and before.digest and found and found.changed:
        await prune_if_free(shop)


async def _found(remote: Remote, before: Known | None, shop: Workshop) -> Catalog | None:
    """The signed one, else what nobody signed, where a registry has that."""
    here = before.digest if before else None
    with contextlib.suppress(NotFound, RegistryAuth):
        return await renew_catalog(remote, here, shop.tools)
    return await _hinted(remote, here, shop) if remote.kind == "oci" else None


async def _hinted(remote: Remote, here: Digest | None, shop: Workshop) -> Catalog | None:
    """Nothing that nobody signed, or that is not there, fails a job."""
    try:
        return await renew_hints(remote, here, shop.tools)
    except NotFound:
        return None
    except (Refused, Transport) as error:
        logger.info("the index of remote %s: %s: %s", remote.name, error.name, error.message)
        return None


def _known(remote: Remote, before: Known | None, found: Catalog | None, now: int) -> Known:
    if found is None:
        return Known(now, under(remote))
    apps = found.apps if found.changed or before is None else before.apps
    return Known(now, under(remote), found.digest, signed=found.signed, apps=apps)
