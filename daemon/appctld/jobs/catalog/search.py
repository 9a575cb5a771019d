# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Search: what the remotes list and what is installed, by name, keyword or what it is said to be.

A registry cannot be listed: of a remote without a catalogue only what is installed is found, and the result
names that remote. A catalogue that is older than a day is asked for first; where that fails, what is here is
searched all the same, and the next searches do not wait for that remote again.
"""

from appctld.jobs.catalog.apps import listing, views
from appctld.jobs.catalog.renew import renew_old
from appctld.jobs.requests import Search, flag, text
from appctld.jobs.workshop import Workshop
from appctld.model.jsonvalue import Json, JsonObject, get_int, get_objects, get_strings
from appctld.pipeline.answers import understood

SEARCH_DEADLINE = 60.0  # the largest catalogues of many remotes are read in a few seconds


async def search(request: Search, shop: Workshop) -> JsonObject:
    """What fits the term. Raises NoRemote, PolicyDenied (a disabled remote was named)."""
    named = text(request, "remote")
    remotes = [shop.book.get(named)] if named else [one for one in shop.book.all() if one.enabled]
    await shop.book.catalogs.tidy_if_possible(shop.book.all(), shop.tools)
    stale: list[Json] = [] if flag(request, "cached-only") else [*await renew_old(remotes, shop)]
    shown = [remote for remote in remotes if shop.book.catalogs.counts(remote)]
    here = views((await shop.installed()).values())
    answer = await shop.tools.store(
        {
            "op": "search-catalogs",
            "term": request.term,
            "locale": text(request, "locale"),
            "remotes": listing(shown),
            "installed": [app for app in here if app["remote"] == named or not named],
        },
        deadline=SEARCH_DEADLINE,
    )
    with understood("store"):
        apps, unread = get_objects(answer, "apps"), get_strings(answer, "without")
        more = get_int(answer, "more")
    await shop.book.catalogs.forget(unread)
    without = [remote.name for remote in remotes if remote not in shown or remote.name in unread]
    return {"apps": [*apps], "more": more, "without-catalogue": [*without], "not-renewed": stale}
