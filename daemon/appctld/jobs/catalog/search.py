# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Search: what the remotes list and what is installed, by name, keyword or what it is said to be.

A registry cannot be listed: of a remote without a catalogue only what is installed is found, and the result
names that remote. A catalogue that is older than a day is asked for first; where that fails, what is here is
searched all the same, and the next searches do not wait for that remote again.
"""

import logging

from appctld.config.remote import Remote
from appctld.errors import AppctlError
from appctld.jobs.catalog.renew import renew
from appctld.jobs.catalog.shelf import lists_apps
from appctld.jobs.reporting.views import kind_of
from appctld.jobs.requests import Search, flag, text
from appctld.jobs.workshop import Workshop
from appctld.model.jsonvalue import Json, JsonObject, get_int, get_objects, get_strings
from appctld.pipeline.answers import understood
from appctld.pipeline.parallel import in_parallel
from appctld.state.records import Installed

AT_ONCE = 4  # remotes that are asked: one that says nothing holds up no other
OLD = 24 * 3600  # seconds: publishers list new apps a few times a month
SEARCH_DEADLINE = 60.0  # the largest catalogues of many remotes are read in a few seconds

logger = logging.getLogger(__name__)


async def search(request: Search, shop: Workshop) -> JsonObject:
    """What fits the term. Raises NoRemote, PolicyDenied (a disabled remote was named)."""
    named = text(request, "remote")
    remotes = [shop.book.get(named)] if named else [one for one in shop.book.all() if one.enabled]
    await shop.book.catalogs.tidy_if_possible(shop.book.all())
    stale: list[Json] = [] if flag(request, "cached-only") else await _renew_old(remotes, shop)
    shown = [remote.name for remote in remotes if shop.book.catalogs.counts(remote)]
    answer = await shop.tools.store(
        {
            "op": "search-catalogs",
            "term": request.term,
            "locale": text(request, "locale"),
            "remotes": [*shown],
            "installed": [_view(app) for app in (await shop.installed()).values() if _wanted(app, named)],
        },
        deadline=SEARCH_DEADLINE,
    )
    with understood("store"):
        apps, unread = get_objects(answer, "apps"), get_strings(answer, "without")
        more = get_int(answer, "more")
    await shop.book.catalogs.forget(unread)
    without = [remote.name for remote in remotes if remote.name not in shown or remote.name in unread]
    return {"apps": [*apps], "more": more, "without-catalogue": [*without], "not-renewed": stale}


async def _renew_old(remotes: list[Remote], shop: Workshop) -> list[Json]:
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


def _wanted(app: Installed, remote: str) -> bool:
    """Whether it is of the remote that was named, if any was; nobody looks for a runtime."""
    is_app = kind_of(app.current.flatpak_ref) == "app"
    return is_app and (app.current.remote == remote or not remote)


def _view(app: Installed) -> Json:
    """What the search needs of an installed app."""
    record = app.current
    return {
        "id": record.id,
        "reference": record.reference,
        "remote": record.remote,
        "name": record.title or record.id,
        "version": record.version,
        "signed": bool(record.signers),
    }
