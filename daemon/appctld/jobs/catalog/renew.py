# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Ask a remote for its catalogue. That it has none is an answer, and remembered as one.

Some registries answer 401 for what is not there, and what only a login opens is nobody's list: both are
"none". Everything else that goes wrong leaves what is here as it is.
"""

import contextlib
import logging

from appctld.config.remote import Remote
from appctld.errors import AppctlError, NotFound, Refused, RegistryAuth, Transport
from appctld.jobs.apps.removal import prune_if_free
from appctld.jobs.catalog.shelf import lists_apps, under
from appctld.jobs.workshop import Workshop
from appctld.model.digest import Digest
from appctld.pipeline.catalog.hints import renew_hints
from appctld.pipeline.catalog.run import renew_catalog
from appctld.pipeline.catalog.stages import Catalog
from appctld.pipeline.parallel import in_parallel
from appctld.state.catalogs import Known

AT_ONCE = 4  # remotes that are asked: one that says nothing holds up no other
OLD = 24 * 3600  # seconds: publishers list new apps a few times a month

logger = logging.getLogger(__name__)


async def renew(remote: Remote, shop: Workshop) -> None:
    """Bring what it lists now, and remember when it was asked. Raises as `renew_catalog`, but NotFound."""
    if not lists_apps(remote):
        return
    catalogs = shop.book.catalogs
    async with catalogs.renewing(remote):
        before = await catalogs.about(remote)
        found = await _found(remote, before, shop)
        await catalogs.note(remote.name, _known(remote, found, shop.tools.now()))
    await shop.book.tidy_catalogs(shop.tools)
    if found.changed if found else before and before.digest:
        shop.observer.remote_refreshed(remote.name)
    if before and before.digest and found and found.changed:
        await prune_if_free(shop)


async def renew_old(remotes: list[Remote], shop: Workshop) -> list[str]:
    """The remotes of which what is here may be out of date, because they could not be asked."""
    old = [remote for remote in remotes if await _is_old(remote, shop)]
    renewed = await in_parallel((_renewed(remote, shop) for remote in old), AT_ONCE)
    return [remote.name for remote, done in zip(old, renewed, strict=True) if not done]


async def _renewed(remote: Remote, shop: Workshop) -> bool:
    """Whether it could be asked, and was not in vain."""
    if shop.book.catalogs.failed_lately(remote):
        return False
    try:
        await renew(remote, shop)
    except AppctlError as error:
        logger.warning("the catalogue of remote %s: %s: %s", remote.name, error.name, error.message)
        return False
    return True


async def _is_old(remote: Remote, shop: Workshop) -> bool:
    """Whether it is to be asked what it lists by now."""
    if not lists_apps(remote):
        return False
    known = await shop.book.catalogs.about(remote)
    return known is None or not 0 <= shop.tools.now() - known.checked < OLD


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


def _known(remote: Remote, found: Catalog | None, now: int) -> Known:
    if found is None:
        return Known(now, under(remote))
    return Known(now, under(remote), found.digest, signed=found.signed)
