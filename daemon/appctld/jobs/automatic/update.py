# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Update all apps as far as may be done without being asked for: look, download, install.

Guarantees: each app is looked at once and tried by itself; what is held, or was gone back from, is only
looked at; what asks for more than was approved is brought here and waits, and what runs goes on as it is. How
it went is kept, whatever became of it. How far it goes is not decided here (deciding.py).
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from appctld.errors import AppctlError, Cancelled, Failed, NeedsApproval, NotInstalled
from appctld.jobs.approval import available
from appctld.jobs.apps.install import companions_of
from appctld.jobs.apps.kinds import AnyPlan, bring_here, refs_of_all
from appctld.jobs.apps.room import check_room
from appctld.jobs.apps.update import (
    Looked,
    deploy_newer,
    is_skipped,
    look_at,
    remembering,
    remembering_failure,
    resting_now,
)
from appctld.jobs.catalog.renew import renew_old
from appctld.jobs.job import Job
from appctld.jobs.reporting.views import outcome_view
from appctld.jobs.requests import Update
from appctld.jobs.workshop import Workshop, each
from appctld.model.automatic import Decision, Extent, Why
from appctld.model.jsonvalue import JsonObject, get_str
from appctld.pipeline.again import as_before
from appctld.state.automatic import LastAutomatic, last_automatic, remember_automatic
from appctld.state.available import forget_updates, remember_waiting
from appctld.state.records import Record
from appctld.system.journal import about

logger = logging.getLogger(__name__)

NOT_DECIDED = Decision(Extent.NONE)
ENDED = Cancelled.__name__  # what is told of one that somebody, or the daemon's end, cut off


async def update_by_itself(request: Update, shop: Workshop) -> JsonObject:
    """Update every app, as far as that goes by itself now."""
    async with _kept(shop) as course:
        course.decision = decision = await shop.decide()
        _log(decision, shop)
        done = await _update(decision, request, shop)
        return {**done, "automatic": decision.extent, "because": [*decision.because]}


async def _renew_catalogs(shop: Workshop) -> None:
    """Software centres read them as files, and ask nobody. That one cannot be had fails no update."""
    try:
        await renew_old([remote for remote in shop.book.all() if remote.enabled], shop)
    except AppctlError as error:  # a remote's file is wrong, which each of its apps will say
        logger.warning("catalogues: %s: %s", error.name, error.message)


async def _update(decision: Decision, request: Update, shop: Workshop) -> JsonObject:
    if decision.extent is Extent.NONE:
        return {"apps": []}
    resting = await resting_now(request, shop)  # nothing is updated where that cannot be read
    if Why.METERED not in decision.because:
        await _renew_catalogs(shop)
    apps = [app.current for app in (await shop.installed()).values()]
    looked = {one.current.id: one for one in await look_at(apps, shop)}

    async def one(app_id: str) -> JsonObject:
        try:
            if app_id in await resting_now(request, shop):  # by now: the apps before it may have taken hours
                return {**_unchanged(looked[app_id], shop), "held": True}
            return await _go(decision.extent, looked[app_id], request, shop)
        except NotInstalled:
            return await _gone(looked[app_id].current, shop)

    updates = [found.view(resting) for found in looked.values() if found.planned or found.error]
    return {"updates": [*updates], "apps": await each(shop, sorted(looked), one)}


async def _go(extent: Extent, found: Looked, request: Update, shop: Workshop) -> JsonObject:
    """Do with one app what is to be done."""
    planned = _wanted(found, shop)
    if planned is None or extent is Extent.CHECK:
        return _unchanged(found, shop)
    if extent is Extent.DOWNLOAD:
        async with remembering_failure(planned.id, shop):
            await _download(planned, found, shop)
        return _unchanged(found, shop)
    async with remembering(planned.id, shop):
        return await deploy_newer(planned, found.current, request, shop)


def _wanted(found: Looked, shop: Workshop) -> AnyPlan | None:
    """What there is to do about an app. Raises how it could not be looked at."""
    if found.error is not None:
        raise found.error
    if found.planned is None or is_skipped(found.planned, shop):
        return None
    same = shop.app(found.current.id).current.image_digest == found.current.image_digest
    return found.planned if same else None  # else somebody was faster


async def _gone(was: Record, shop: Workshop) -> JsonObject:
    """Somebody uninstalled it since it was looked at: nothing failed, and nothing of it waits."""
    await shop.tools.aside(forget_updates, shop.tools.paths, [was.id])
    return outcome_view(was, shop.tools.paths, changed=False)


def _unchanged(found: Looked, shop: Workshop) -> JsonObject:
    return outcome_view(shop.app(found.current.id).current, shop.tools.paths, changed=False)


async def _download(planned: AnyPlan, found: Looked, shop: Workshop) -> None:
    """Fetch what is not here, with what comes with it; it stays until it is installed, or replaced."""
    shop = replace(shop, tools=as_before(found.current, shop.tools))
    before = await companions_of(planned, shop)
    await check_room(planned, before, shop)
    waiting = replace(available(planned), refs=refs_of_all(planned, before))
    await shop.tools.aside(remember_waiting, shop.tools.paths, waiting)
    await bring_here(planned, before, shop.tools)


@dataclass
class _Course:
    """Of one update by itself, what was decided."""

    decision: Decision = NOT_DECIDED


@asynccontextmanager
async def _kept(shop: Workshop) -> AsyncIterator[_Course]:
    """For the length of the block an update goes by itself; what was decided, and how it ended, is kept."""
    course, error = _Course(), ENDED
    try:
        yield course
        error = _failed(shop.job)
    except NeedsApproval:
        error = ""
        raise
    except AppctlError as failure:
        error = failure.name
        raise
    except Exception:
        error = Failed.__name__
        raise
    finally:
        await shop.tools.aside(_remember, shop, course.decision, error)
        shop.observer.updates_changed()


def _failed(job: Job) -> str:
    """The first failure of several apps: that one waits for a person is none of who goes on without one."""
    return next((get_str(item, "error") for item in job.items if item["state"] == "failed"), "")


def _remember(shop: Workshop, decision: Decision, error: str) -> None:
    paths, now = shop.tools.paths, shop.tools.now()
    before = last_automatic(paths)
    success, failure = (before.success, now) if error else (now, before.failure)
    last = LastAutomatic(now, decision.extent, decision.because, success, failure, error)
    try:
        remember_automatic(paths, last)
    except OSError:
        logger.exception("how the update went could not be written")


def _log(decision: Decision, shop: Workshop) -> None:
    why = f" ({', '.join(decision.because)})" if decision.because else ""
    fields = about(job=shop.job.number, uid=shop.job.uid)
    logger.info("job %d: updates go as far as %s%s", shop.job.number, decision.extent, why, extra=fields)
