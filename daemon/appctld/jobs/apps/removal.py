# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Uninstall, Prune, and what is dropped after an update: everything that removes.

The current deployment and the one before it are kept; older ones go, never one in use. What no record and no
running job needs is pruned under the gate.
"""

import asyncio
import logging
from collections.abc import Sequence
from functools import partial

from appctld.errors import AppctlError, Busy, Conflict, InUse, RepoCorrupt
from appctld.jobs.apps.choices import forget_choices
from appctld.jobs.reporting.chronicle import done_facts
from appctld.jobs.reporting.views import kind_of
from appctld.jobs.requests import Prune, Uninstall, flag
from appctld.jobs.workshop import Workshop, each
from appctld.model.jsonvalue import Json, JsonObject, get_int, get_strings
from appctld.pipeline.admission.runtimes import stands_on
from appctld.pipeline.answers import understood
from appctld.pipeline.exports.caches import refresh_caches
from appctld.state.available import waiting_refs
from appctld.state.layers import forget_refs, recorded_refs
from appctld.state.paths import Paths, app_ref
from appctld.state.pulled import forget_all_pulled, pulled_refs
from appctld.state.records import Record, damaged, find_app, roots

PATIENCE = 20.0  # seconds that a prune is tried again for; the last wait may take as long as the store's own

logger = logging.getLogger(__name__)


async def uninstall_all(request: Uninstall, shop: Workshop) -> JsonObject:
    """Remove the apps named, then prune what that frees."""

    async def one(app_id: str) -> JsonObject:
        if flag(request, "ignore") and find_app(shop.tools.paths, app_id) is None:
            return {"id": app_id, "version": "", "changed": False}
        app = shop.app(app_id)
        try:
            await _remove(app_id, list(app.records), whole=True, shop=shop)
        finally:  # a cancel may come too late, and what is left behind may fail
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
    """Remove what nothing needs, or say what could be. Raises Busy."""
    dry_run = flag(request, "dry-run")
    if not dry_run:
        await shop.tools.aside(forget_all_pulled, shop.tools.paths)
        for app_id in await shop.installed():
            await drop_older(app_id, shop)
    return await _patiently(shop, dry_run=dry_run)


async def _patiently(shop: Workshop, *, dry_run: bool) -> JsonObject:
    """A prune that somebody waits for. The wait is no one else's: the gate is open meanwhile. Raises Busy."""
    clock = asyncio.get_running_loop()
    until = clock.time() + PATIENCE
    while True:
        try:
            return await _prune(shop, dry_run=dry_run)
        except Busy:
            if clock.time() >= until:
                raise
            await shop.tools.store({"op": "quiet", "wait": True})


async def prunable(shop: Workshop) -> int:
    """Bytes that a prune would free. Raises Busy, RepoCorrupt."""
    return get_int(await _prune(shop, dry_run=True), "freed-bytes")


async def drop_older(app_id: str, shop: Workshop, before: Record | None = None) -> None:
    """Remove the deployments of an app but the current one and the one that was current `before` it.

    Without `before`, or where that was the same image, the newest of another image is kept. One that runs
    stays for the next time.
    """
    app = find_app(shop.tools.paths, app_id)
    if app is None:
        return
    changed = before is not None and before.image_digest != app.current.image_digest
    kept = before if changed else app.previous()
    older = [record for record in app.kept if kept is None or record.deployment != kept.deployment]
    for record in older:
        try:
            await _remove(app_id, [record], whole=False, shop=shop)
        except InUse:
            continue
    if older:
        await prune_if_free(shop)


async def tidy(app_id: str, shop: Workshop, before: Record | None) -> None:
    """As `drop_older`, for a job that is done: what fails now, the next prune does."""
    try:
        await drop_older(app_id, shop, before)
    except AppctlError as error:
        logger.warning("older versions of %s stay: %s: %s", app_id, error.name, error.message)


async def _remove(app_id: str, records: list[Record], *, whole: bool, shop: Workshop) -> None:
    names: list[Json] = [record.deployment for record in records]
    refs: list[Json] = [app_ref(record.remote, record.id, record.deployment) for record in records]
    async with shop.tools.gate.moving():
        if whole:
            await _check_unneeded(app_id, shop)
        shop.tools.progress.stage("cleanup")
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
        return await _prune(shop, dry_run=False)
    except AppctlError as error:
        usual = isinstance(error, Busy | RepoCorrupt)
        level = logging.INFO if usual else logging.WARNING
        logger.log(level, "nothing was pruned: %s: %s", error.name, error.message)
        return {}


async def _prune(shop: Workshop, *, dry_run: bool) -> JsonObject:
    """Raises Busy at once where somebody reads or writes objects: an audit does for hours."""
    paths = shop.tools.paths
    if not dry_run:
        shop.tools.progress.stage("cleanup")
    async with shop.tools.gate.moving() as needed:
        keep_refs = await shop.tools.aside(_needed, paths) | needed
        unneeded = await shop.tools.aside(recorded_refs, paths) - keep_refs
        if unneeded and not dry_run:  # first, so that no record ever names a layer whose ref is gone
            await shop.tools.store({"op": "quiet", "wait": False})  # else they were forgotten for nothing
            await shop.tools.aside(forget_refs, paths, unneeded)
        keep: list[Json] = [*sorted(keep_refs)]
        answer = await shop.tools.store(
            {"op": "prune", "keep_refs": keep, "keep_blobs": bool(needed), "dry_run": dry_run}
        )
        with understood("store"):
            freed, objects = get_int(answer, "freed_bytes"), get_int(answer, "objects")
    return {"freed-bytes": freed, "objects": objects, "dry-run": dry_run}


def _needed(paths: Paths) -> set[str]:
    """The refs that records need, and what waits to be deployed. Raises RepoCorrupt where one cannot tell."""
    for record in damaged(paths):
        raise RepoCorrupt(
            f"{record} cannot be read, and nothing is pruned while that is so", path=str(record)
        )
    return roots(paths) | waiting_refs(paths) | pulled_refs(paths)
