# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Refresh: what the remotes that are named have of newer images of their apps, and when they were asked.

A registry cannot be listed, so a remote is asked about the apps that came from it, and for its catalogue. An
app that it has no answer about hides no other; one that gives no answer at all was not refreshed.
"""

import time
from collections.abc import Iterable
from itertools import chain

from appctld.errors import TlsUntrusted, Transport
from appctld.jobs.apps.update import Looked, look_at
from appctld.jobs.catalog.renew import renew
from appctld.jobs.requests import Refresh
from appctld.jobs.workshop import Workshop, one_by_one
from appctld.model.jsonvalue import Json, JsonObject, get_objects
from appctld.state.held import shown_held

_NO_ANSWER = (Transport, TlsUntrusted)


async def refresh(request: Refresh, shop: Workshop) -> JsonObject:
    """Ask the remotes named, or all that are enabled; each is tried."""

    async def one(name: str) -> JsonObject:
        shop.book.get(name)
        apps = (await shop.installed()).values()
        looked = await look_at([app.current for app in apps if app.current.remote == name], shop)
        await renew(shop.book.get(name), shop)
        _check_answered(looked)
        when, resting = int(time.time()), shown_held(shop.tools.paths)
        await shop.book.note_refreshed(name, when)
        return {
            "name": name,
            "last-refreshed": when,
            "updates": [found.view(resting) for found in looked if found.planned or found.error],
        }

    names = request.remotes or [remote.name for remote in shop.book.all() if remote.enabled]
    return _result(await one_by_one(shop, names, one))


def _check_answered(looked: Iterable[Looked]) -> None:
    """Raise why where nothing is known of any app because nobody answered."""
    errors = [found.error for found in looked]
    if errors and all(isinstance(error, _NO_ANSWER) for error in errors):
        raise next(filter(None, errors))


def _result(done: list[JsonObject]) -> JsonObject:
    updates = chain.from_iterable(get_objects(one, "updates") for one in done)
    remotes: list[Json] = [{key: one[key] for key in ("name", "last-refreshed")} for one in done]
    return {"remotes": remotes, "updates": [*updates]}
