# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which work belongs to which request."""

from appctld.jobs.apps.install import install_all, resolve_one
from appctld.jobs.apps.removal import prune, uninstall_all
from appctld.jobs.apps.rollback import roll_back
from appctld.jobs.apps.room import check_writable
from appctld.jobs.apps.update import approve_update, check_updates, update_all
from appctld.jobs.audit.repair import repair
from appctld.jobs.audit.verify import verify
from appctld.jobs.automatic.update import update_by_itself
from appctld.jobs.catalog.search import search
from appctld.jobs.refresh import refresh
from appctld.jobs.requests import (
    AnyRequest,
    Approve,
    CheckUpdates,
    Install,
    Prune,
    Refresh,
    Repair,
    Resolve,
    Rollback,
    Search,
    Uninstall,
    Update,
    Verify,
    by_itself,
    flag,
)
from appctld.jobs.workshop import Workshop
from appctld.model.jsonvalue import JsonObject

Looking = Resolve | CheckUpdates | Refresh | Search | Verify  # which change no app
Changing = Install | Update | Approve | Uninstall | Rollback | Repair | Prune


async def work(request: AnyRequest, shop: Workshop) -> JsonObject:
    """Do what was asked; the job's result. Raises a leaf of errors.AppctlError.

    How what changes something fails is history: of work on apps and references `each` writes it, of work on
    everything this does.
    """
    if not isinstance(request, Looking) and not flag(request, "dry-run"):
        check_writable(shop)
    if not isinstance(request, Prune | Repair) or flag(request, "dry-run"):
        return await _work(request, shop)
    async with shop.attempt(""):
        result = await _work(request, shop)
    if shop.job.error is not None:
        await shop.failed("", shop.job.error)
    return result


async def _work(request: AnyRequest, shop: Workshop) -> JsonObject:
    """Of what it changed libappstream is told before the job ends, however it ends."""
    if isinstance(request, Looking):
        return await _look(request, shop)
    try:
        return await _change(request, shop)
    finally:
        if not flag(request, "dry-run"):
            await shop.book.tidy_catalogs(shop.tools)


async def _change(request: Changing, shop: Workshop) -> JsonObject:
    match request:
        case Install():
            result = await install_all(request, shop)
        case Update() if by_itself(request):
            result = await update_by_itself(request, shop)
        case Update():
            result = await update_all(request, shop)
        case Approve():
            result = await approve_update(request, shop)
        case Uninstall():
            result = await uninstall_all(request, shop)
        case Rollback():
            result = await roll_back(request, shop)
        case Repair():
            result = await repair(request, shop)
        case _:
            result = await prune(request, shop)
    return result


async def _look(request: Looking, shop: Workshop) -> JsonObject:
    """What changes no app."""
    match request:
        case Resolve():
            result = await resolve_one(request, shop)
        case CheckUpdates():
            result = await check_updates(request, shop)
        case Refresh():
            result = await refresh(request, shop)
        case Search():
            result = await search(request, shop)
        case _:
            result = await verify(request, shop)
    return result
