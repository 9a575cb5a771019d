# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Uninstall, Prune, and what is dropped after an update: everything that removes.

The current deployment and the one before it are kept; older ones go, never one in use. What no record and no
running job needs is pruned under the gate.
"""

import contextlib
import logging
from collections.abc import Sequence
from functools import partial

from appctld.errors import AppctlError, Busy, Conflict, InUse, RepoCorrupt
from appctld.jobs.apps.choices import forget_choices
from appctld.jobs.apps.needed import (
    check_records,
    needed_afterwards,
    needed_by_all,
    needed_by_apps,
    superseded,
)
from appctld.jobs.quiet import when_quiet
from appctld.jobs.reporting.chronicle import done_facts
from appctld.jobs.reporting.views import kind_of
from appctld.jobs.requests import Prune, Uninstall, flag
from appctld.jobs.workshop import Workshop, each
from appctld.model.jsonvalue import Json, JsonObject, get_int, get_strings
from appctld.pipeline.admission.runtimes import stands_on
from appctld.pipeline.answers import understood
from appctld.pipeline.exports.caches import refresh_caches
from appctld.state.layers import forget_refs, recorded_refs
from appctld.state.paths import app_ref
from appctld.state.pulled import forget_files, pulled_files
from appctld.state.records import Record, find_app

logger = logging.getLogger(__name__)


async def uninstall_all(request: Uninstall, shop: Workshop) -> JsonObject:
    """Remove the apps named, then prune what that frees."""

    async def one(app_id: str) -> JsonObject:
        if flag(request, "ignore") and find_app(shop.tools.paths, app_id) is None:
            return {"id": app_id, "version": "", "changed": False}
        app = shop.app(app_id)
        try:
            await _remove(app_id, list(app.records), whole=True, shop=shop)
        finally:  # the daemon's own end may come too late, and what is left behind may fail
            if find_app(shop.tools.paths, app_id) is None:
                await shop.record("uninstall", done_facts(app.current), partial(forget_choices, ids=[app_id]))
                shop.observer.apps_changed([app_id])
        return {"id": app_id, "version": app.current.version, "changed": True}

    apps = await each(shop, await _apps_first(request.ids, shop), one)
    pruned = await prune_if_free(shop)
    return {"apps": apps, "freed-bytes": pruned.get("freed-bytes", 0)}


async def _apps_first(ids: Sequence[str], shop: Workshop) -> list[str]:
    """Runtimes last: what stands on them may go in the same job."""
    apps = await shop.installed()
    runtimes = {name for name, app in apps.items() if kind_of(app.current.flatpak_ref) == "runtime"}
    return sorted(ids, key=lambda name: name in runtimes)


async def _check_unneeded(app_id: str, shop: Workshop) -> None:
    """Raise Conflict for a runtime that an installed app stands on. Hold the gate."""
    here = [app.current for app in (await shop.installed()).values()]
    needing = [app.id for app in here if (below := stands_on(app, here)) and below.id == app_id]
    if needing:
        raise Conflict(
            f"{app_id} is the runtime of {', '.join(needing[:10])}",
            hint=f"appctl uninstall {needing[0]}    (first)",
        )


async def prune(request: Prune, shop: Workshop) -> JsonObject:
    """Remove what nothing needs, or say what could be. Raises Busy, RepoCorrupt.

    What was brought here and not deployed is forgotten only by one that went well.
    """
    await shop.tools.aside(check_records, shop.tools.paths)
    work = _count if flag(request, "dry-run") else _prune_all
    return await when_quiet(partial(work, shop), shop.tools)


async def prunable(shop: Workshop) -> int:
    """Bytes that a prune would free. Raises Busy, RepoCorrupt."""
    return get_int(await _count(shop), "freed-bytes")


async def _count(shop: Workshop) -> JsonObject:
    async with shop.tools.gate.moving() as needed:
        keep = await shop.tools.aside(needed_afterwards, shop.tools.paths) | needed
        return await _ask(shop, keep, downloading=bool(needed), dry_run=True)


async def _prune_all(shop: Workshop) -> JsonObject:
    for app_id in await shop.installed():
        await drop_older(app_id, shop)
    async with shop.tools.gate.moving() as needed:
        brought = await shop.tools.aside(pulled_files, shop.tools.paths)
        done = await _prune(shop, await shop.tools.aside(needed_by_apps, shop.tools.paths), needed)
        await shop.tools.aside(forget_files, brought)
        return done


async def drop_older(app_id: str, shop: Workshop, before: Record | None = None) -> bool:
    """Remove the deployments that are `superseded`, but for what runs; whether there was one.

    What that frees is still to be pruned.
    """
    app, dropped = find_app(shop.tools.paths, app_id), False
    for record in superseded(app, before) if app else ():
        with contextlib.suppress(InUse):
            await _remove(app_id, [record], whole=False, shop=shop)
            dropped = True
    return dropped


async def tidy(app_id: str, shop: Workshop, before: Record | None) -> None:
    """As `drop_older` and then a prune, for a job that is done: what fails now, the next prune does."""
    try:
        dropped = await drop_older(app_id, shop, before)
    except AppctlError as error:
        logger.warning("older versions of %s stay: %s: %s", app_id, error.name, error.message)
        dropped = True
    if dropped:
        await prune_if_free(shop)


async def _remove(app_id: str, records: list[Record], *, whole: bool, shop: Workshop) -> None:
    names: list[Json] = [record.deployment for record in records]
    refs: list[Json] = [app_ref(record.remote, record.id, record.deployment) for record in records]
    async with shop.tools.gate.moving():
        if whole:
            await _check_unneeded(app_id, shop)
        shop.tools.progress.stage("removing")
        answer = await shop.tools.store(
            {"op": "remove", "id": app_id, "deployments": None if whole else names, "refs": refs}
        )
        with understood("store"):
            get_strings(answer, "removed")
        if whole:
            await refresh_caches(shop.tools)


async def prune_if_free(shop: Workshop) -> JsonObject:
    """A prune that may as well happen another time, and fails nobody's job."""
    try:
        async with shop.tools.gate.moving() as needed:
            return await _prune(shop, await shop.tools.aside(needed_by_all, shop.tools.paths), needed)
    except AppctlError as error:
        usual = isinstance(error, Busy | RepoCorrupt)
        level = logging.INFO if usual else logging.WARNING
        logger.log(level, "nothing was pruned: %s: %s", error.name, error.message)
        return {}


async def _prune(shop: Workshop, keep: set[str], needed: set[str]) -> JsonObject:
    """Keep what apps need and what jobs do, and no more. Hold the gate.

    Raises Busy at once where somebody reads or writes objects: an audit does for hours.
    """
    shop.tools.progress.stage("cleanup")
    keep = keep | needed
    unneeded = await shop.tools.aside(recorded_refs, shop.tools.paths) - keep
    if unneeded:  # first, so that no record ever names a layer whose ref is gone
        await shop.tools.store({"op": "quiet", "wait": False})  # else they were forgotten for nothing
        await shop.tools.aside(forget_refs, shop.tools.paths, unneeded)
    return await _ask(shop, keep, downloading=bool(needed), dry_run=False)


async def _ask(shop: Workshop, keep: set[str], *, downloading: bool, dry_run: bool) -> JsonObject:
    """The store's part. Raises Busy at once."""
    refs: list[Json] = [*sorted(keep)]
    answer = await shop.tools.store(
        {"op": "prune", "keep_refs": refs, "keep_blobs": downloading, "dry_run": dry_run}
    )
    with understood("store"):
        freed, objects = get_int(answer, "freed_bytes"), get_int(answer, "objects")
    return {"freed-bytes": freed, "objects": objects, "dry-run": dry_run}
