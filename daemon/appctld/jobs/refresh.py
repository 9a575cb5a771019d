# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Refresh: what the remotes that are named have of newer images of their apps, and when they were asked.

A registry cannot be listed, so a remote is asked about the apps that came from it, and for its catalogue.
"""

import time
from itertools import chain

from appctld.errors import AppctlError
from appctld.jobs.apps.update import look_at
from appctld.jobs.catalog.renew import renew
from appctld.jobs.requests import Refresh
from appctld.jobs.workshop import Workshop, note_failure
from appctld.model.jsonvalue import Json, JsonObject, get_objects
from appctld.state.held import shown_held


async def refresh(request: Refresh, shop: Workshop) -> JsonObject:
    """Ask the remotes named, or all that are enabled; each is tried."""

    async def one(name: str) -> JsonObject:
        shop.book.get(name)
        apps = (await shop.installed()).values()
        looked = await look_at([app.current for app in apps if app.current.remote == name], shop)
        for found in looked:
            if found.error is not None:
                raise found.error
        await renew(shop.book.get(name), shop)
        when, resting = int(time.time()), shown_held(shop.tools.paths)
        await shop.book.note_refreshed(name, when)
        return {
            "name": name,
            "last-refreshed": when,
            "updates": [found.view(resting) for found in looked if found.planned],
        }

    names = request.remotes or [remote.name for remote in shop.book.all() if remote.enabled]
    if len(names) == 1:
        return _result([await one(names[0])])
    done: list[JsonObject] = []
    for name in names:
        try:
            done.append(await one(name))
        except AppctlError as error:
            note_failure(shop, name, error)
        else:
            shop.job.items.append({"id": name, "state": "succeeded"})
        shop.observer.job_changed(shop.job)
    return _result(done)


def _result(done: list[JsonObject]) -> JsonObject:
    updates = chain.from_iterable(get_objects(one, "updates") for one in done)
    remotes: list[Json] = [{key: one[key] for key in ("name", "last-refreshed")} for one in done]
    return {"remotes": remotes, "updates": [*updates]}
