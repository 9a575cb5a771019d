# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Update and CheckUpdates: the sentence again, for the reference and remote that an app came from (R8)."""

from functools import partial

from appctld.errors import AppctlError, NeedsApproval
from appctld.jobs.install import check_approved, deploy_plan, plan_reference
from appctld.jobs.kinds import AnyPlan
from appctld.jobs.requests import CheckUpdates, Update, flag, texts
from appctld.jobs.views import outcome_view
from appctld.jobs.workshop import Workshop, asking, each
from appctld.model.jsonvalue import Json, JsonObject
from appctld.model.ostreeref import parse_canonical
from appctld.model.permissions import permissions_hash
from appctld.pipeline.plans import Plan
from appctld.state.available import Available, last_check, remember_check
from appctld.state.held import held
from appctld.state.records import Record
from appctld.state.skipped import skipped


async def update_all(request: Update, shop: Workshop) -> JsonObject:
    """Update the apps named, or all. An app that is up to date is no failure."""
    resting = await _resting(request, shop)

    async def one(app_id: str) -> JsonObject:
        if app_id in resting:
            current = shop.app(app_id).current
            return {**outcome_view(current, shop.tools.paths, changed=False), "held": True}
        return await asking(shop, partial(_update_one, app_id, request))

    return {"apps": await each(shop, request.ids or sorted(await shop.installed()), one)}


async def _resting(request: Update, shop: Workshop) -> frozenset[str]:
    """The apps that are held, which only a person updates who names them. Raises RepoCorrupt."""
    if request.ids and not flag(request, "background"):
        return frozenset()
    return await shop.tools.aside(held, shop.tools.paths)


async def _update_one(app_id: str, request: Update, shop: Workshop) -> JsonObject:
    app = shop.app(app_id)
    planned = await _newer(app.current, shop)
    if planned is None or (flag(request, "background") and _is_skipped(planned, shop)):
        return outcome_view(app.current, shop.tools.paths, changed=False)
    _check_approved(planned, app.current, request)
    return await deploy_plan(planned, shop)


async def check_updates(_request: CheckUpdates, shop: Workshop) -> JsonObject:
    """What newer images there are.

    A remote that fails is reported with its app, hides no other, and leaves what was known about its own.
    """
    found: list[Json] = []
    available: list[Available] = []
    before = last_check(shop.tools.paths).updates
    for app in (await shop.installed()).values():
        try:
            planned = await asking(shop, partial(_newer, app.current))
        except AppctlError as error:
            told: JsonObject = {"error": error.name, "message": error.message, "hint": error.advice}
            found.append(_update_view(app.current) | told)
            available += [update for update in before if update.id == app.current.id]
            continue
        if planned is not None:
            digest = planned.digest
            available.append(
                Available(app.current.id, planned.version, planned.bytes_to_download or 0, digest)
            )
            found.append(_update_view(app.current, planned))
    await shop.tools.aside(remember_check, shop.tools.paths, available)
    if before != tuple(available):
        shop.observer.updates_changed()
    return {"updates": found}


async def _newer(current: Record, shop: Workshop) -> AnyPlan | None:
    """The plan for what the app's own remote offers now, if it is another image."""
    reference = parse_canonical(current.reference)
    if reference.pinned:
        return None
    planned = await plan_reference(reference, shop.book.vouching(current.remote, reference), shop)
    return None if planned.digest == current.image_digest else planned


def _is_skipped(planned: Plan, shop: Workshop) -> bool:
    """Whether somebody went back from that very image."""
    return skipped(shop.tools.paths).get(planned.id) == planned.digest


def _check_approved(planned: Plan, current: Record, request: Update) -> None:
    """Raise NeedsApproval, with what a caller must give back to grant exactly what was shown."""
    wanted = permissions_hash(planned.permissions)
    accepted = flag(request, "accept-permissions") or wanted in texts(request, "permissions-hashes")
    try:
        check_approved(planned.permissions, current.permissions, accepted=accepted)
    except NeedsApproval as error:
        error.about(
            app=current.id,
            update_version=planned.version,
            permissions_hash=wanted,
            note=f"{current.version} still runs.",
        )
        raise


def _update_view(current: Record, planned: Plan | None = None) -> JsonObject:
    return {
        "id": current.id,
        "version": current.version,
        "remote": current.remote,
        "update-version": planned.version if planned else "",
        "update-size": (planned.bytes_to_download or 0) if planned else 0,
        "image-digest": str(planned.digest) if planned else "",
        "error": "",
    }
