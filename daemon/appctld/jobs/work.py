# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which work belongs to which request."""

from appctld.jobs.audit.repair import repair
from appctld.jobs.audit.verify import verify
from appctld.jobs.install import install_all, resolve_one
from appctld.jobs.removal import prune, uninstall_all
from appctld.jobs.requests import (
    AnyRequest,
    Approve,
    CheckUpdates,
    Install,
    Repair,
    Resolve,
    Rollback,
    Uninstall,
    Update,
    Verify,
)
from appctld.jobs.rollback import roll_back
from appctld.jobs.update import approve_update, check_updates, update_all
from appctld.jobs.workshop import Workshop
from appctld.model.jsonvalue import JsonObject


async def work(request: AnyRequest, shop: Workshop) -> JsonObject:
    """Do what was asked; the job's result. Raises a leaf of errors.AppctlError."""
    match request:
        case Install():
            result = await install_all(request, shop)
        case Update():
            result = await update_all(request, shop)
        case Approve():
            result = await approve_update(request, shop)
        case Uninstall():
            result = await uninstall_all(request, shop)
        case Rollback():
            result = await roll_back(request, shop)
        case Resolve():
            result = await resolve_one(request, shop)
        case CheckUpdates():
            result = await check_updates(request, shop)
        case Verify():
            result = await verify(request, shop)
        case Repair():
            result = await repair(request, shop)
        case _:
            result = await prune(request, shop)
    return result
