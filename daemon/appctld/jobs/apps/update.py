# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Update, Approve and CheckUpdates: the sentence again, for the reference and remote an app came from (R8).

An update that asks for more than was approved is downloaded and imported, and waits: it is deployed when
somebody approves that very set of that very image.
"""

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial

from appctld.errors import (
    AppctlError,
    Cancelled,
    Conflict,
    DigestMismatch,
    NeedsApproval,
    NotFound,
    NotInstalled,
)
from appctld.jobs.approval import asked_set, asks_newly, available
from appctld.jobs.apps.install import (
    Companions,
    companions_if_known,
    deploy_approved,
    plan_reference,
    show_what_waits,
)
from appctld.jobs.apps.kinds import AnyPlan, bring_here, refs_of_all
from appctld.jobs.apps.room import check_room
from appctld.jobs.reporting.views import outcome_view
from appctld.jobs.requests import Approve, CheckUpdates, Update, flag, text, texts
from appctld.jobs.workshop import Workshop, asking, each
from appctld.model.jsonvalue import JsonObject
from appctld.model.ostreeref import parse_canonical
from appctld.pipeline.again import as_before
from appctld.pipeline.plans import Plan
from appctld.pipeline.stages import Planned
from appctld.state.available import (
    Available,
    last_check,
    remember_check,
    remember_failure,
    remember_success,
)
from appctld.state.held import held, shown_held
from appctld.state.records import Record
from appctld.state.skipped import skipped


async def update_all(request: Update, shop: Workshop) -> JsonObject:
    """Update the apps named, or all. An app that is up to date is no failure."""
    await resting_now(request, shop)  # nothing is updated where that cannot be read

    async def one(app_id: str) -> JsonObject:
        current = shop.app(app_id).current
        if app_id in await resting_now(request, shop):  # by now: the apps before it may have taken hours
            return {**outcome_view(current, shop.tools.paths, changed=False), "held": True}
        async with remembering(app_id, shop):
            return await asking(shop, partial(_update_one, current, request))

    return {"apps": await each(shop, request.ids or sorted(await shop.installed()), one)}


async def approve_update(request: Approve, shop: Workshop) -> JsonObject:
    """Update an app to the image that was shown, which asks for the set that was shown.

    Raises NotFound (nothing waits), DigestMismatch (another image is there now), NeedsApproval (another set).
    """
    async with shop.attempt(request.id):
        current = shop.app(request.id).current
        waiting = (await shop.tools.aside(last_check, shop.tools.paths)).about(request.id)
        digest = text(request, "expected-digest") or (str(waiting.digest) if waiting else "")
        if not digest:
            raise NotFound(f"no update of {request.id} waits", hint=f"appctl update {request.id}")
        if digest == str(current.image_digest):
            return {"apps": [outcome_view(current, shop.tools.paths, changed=False)]}
        async with remembering(request.id, shop):
            return {"apps": [await asking(shop, partial(_approve_one, current, digest, request))]}


async def _approve_one(current: Record, digest: str, request: Approve, shop: Workshop) -> JsonObject:
    planned = await _newer(current, shop)
    if planned is None or str(planned.digest) != digest:
        now = planned.digest if planned else current.image_digest
        raise DigestMismatch(
            f"{current.reference} is now {now}, not what was shown",
            hint="look at it again: another image appeared meanwhile",
        )
    return await deploy_newer(planned, current, request, shop)


async def _update_one(current: Record, request: Update, shop: Workshop) -> JsonObject:
    planned = await _newer(current, shop)
    if planned is None or (flag(request, "background") and is_skipped(planned, shop)):
        return outcome_view(current, shop.tools.paths, changed=False)
    return await deploy_newer(planned, current, request, shop)


async def deploy_newer(
    planned: AnyPlan, current: Record, request: Update | Approve, shop: Workshop
) -> JsonObject:
    """Deploy what is approved. What is not is brought here, for when it is. Raises NeedsApproval."""
    shop = replace(shop, tools=as_before(current, shop.tools))
    return await deploy_approved(planned, request, current.permissions, shop, _let_wait)


async def _let_wait(planned: AnyPlan, before: Companions, error: NeedsApproval, shop: Workshop) -> None:
    """Remember what waits first, whatever becomes of its download. Raises what that does, and NoSpace."""
    known = before if before is not None else await companions_if_known(planned, shop)
    await _remember_failure(planned.id, error.name, shop, _waiting(planned, known or (), error))
    show_what_waits(planned, known, error, shop)
    if before is None:  # else it was looked for, and taken: its file, not its label, asks for more
        await check_room(planned, known or (), shop)
    await bring_here(planned, known or (), shop.tools)


def _waiting(planned: AnyPlan, before: Sequence[Planned], error: NeedsApproval) -> Available:
    """What is remembered of it: its label may show less than its file asks for."""
    return replace(
        available(planned),
        asks=asks_newly(error),
        permissions_hash=str(asked_set(error)["permissions-hash"]),
        refs=refs_of_all(planned, before),
    )


async def _remember_failure(app_id: str, name: str, shop: Workshop, waiting: Available | None = None) -> None:
    if await shop.tools.aside(remember_failure, shop.tools.paths, app_id, name, waiting):
        shop.observer.apps_changed([app_id])


@asynccontextmanager
async def remembering(app_id: str, shop: Workshop) -> AsyncIterator[None]:
    """For the length of the block an app is updated; how that ends is a fact about it."""
    async with remembering_failure(app_id, shop):
        yield
    if await shop.tools.aside(remember_success, shop.tools.paths, app_id):
        shop.observer.apps_changed([app_id])


@asynccontextmanager
async def remembering_failure(app_id: str, shop: Workshop) -> AsyncIterator[None]:
    """The same of what is none yet when it went well."""
    try:
        yield
    except Cancelled:
        raise
    except AppctlError as error:
        await _remember_failure(app_id, error.name, shop)
        raise


async def resting_now(request: Update, shop: Workshop) -> frozenset[str]:
    """The apps that are held, which only a person updates who names them. Raises RepoCorrupt."""
    if request.ids and not flag(request, "background"):
        return frozenset()
    return await shop.tools.aside(held, shop.tools.paths)


@dataclass(frozen=True, slots=True)
class Looked:
    """What one app's remote offers now, or why that is not known."""

    current: Record
    planned: AnyPlan | None = None
    error: AppctlError | None = None

    @property
    def update(self) -> Available | None:
        """What is remembered of it, if it is another image."""
        return available(self.planned) if self.planned else None

    def view(self, resting: Collection[str]) -> JsonObject:
        """As the job's result tells it; `resting` are held."""
        view = {
            **_update_view(self.update),
            "id": self.current.id,
            "version": self.current.version,
            "remote": self.current.remote,
            "held": self.current.id in resting,
        }
        return view | _error_view(self.error) if self.error else view


def _update_view(update: Available | None = None) -> JsonObject:
    """Of an app of which nothing else is known."""
    return {
        "id": "",
        "version": "",
        "remote": "",
        "update-version": update.version if update else "",
        "update-size": update.size if update else 0,
        "image-digest": str(update.digest) if update else "",
        "new-permissions": [one.to_json() for one in update.asks] if update else [],
        "permissions-hash": update.permissions_hash if update else "",
        "held": False,
        "error": "",
    }


def _error_view(error: AppctlError) -> JsonObject:
    return {"error": error.name, "message": error.message, "hint": error.advice}


def _absent_view(app_id: str) -> JsonObject:
    """Somebody asks about an app that is not here, or not any more."""
    return {**_update_view(), "id": app_id, **_error_view(NotInstalled(f"{app_id} is not installed"))}


async def check_updates(request: CheckUpdates, shop: Workshop) -> JsonObject:
    """What newer images there are, of all apps or of those named.

    A remote that fails is reported with its app, hides no other, and leaves what was known about its own. So
    is an app that is not installed.
    """
    wanted, apps = texts(request, "ids"), await shop.installed()
    looked = await look_at([apps[app_id].current for app_id in apps if app_id in (wanted or apps)], shop)
    resting = shown_held(shop.tools.paths)
    absent = [app_id for app_id in dict.fromkeys(wanted) if app_id not in apps]
    found = [one.view(resting) for one in looked if one.planned or one.error]
    return {"updates": [*found, *map(_absent_view, absent)]}


async def look_at(apps: Iterable[Record], shop: Workshop) -> list[Looked]:
    """Ask for newer images of these apps, and remember what was found."""
    looked = [await _look(current, shop) for current in apps]
    found = {one.current.id: one.update for one in looked if one.error is None}
    failed = {one.current.id: one.error.name for one in looked if one.error is not None}
    if await shop.tools.aside(remember_check, shop.tools.paths, found, failed):
        shop.observer.updates_changed()
    return looked


async def _look(current: Record, shop: Workshop) -> Looked:
    try:
        with shop.foreseen(current.id):
            return Looked(current, planned=await asking(shop, partial(_newer, current)))
    except AppctlError as error:
        return Looked(current, error=error)


async def _newer(current: Record, shop: Workshop) -> AnyPlan | None:
    """The plan for what the app's own remote offers now, if it is another image."""
    reference = parse_canonical(current.reference)
    if reference.pinned:
        return None
    shop = replace(shop, tools=as_before(current, shop.tools))
    planned = await plan_reference(reference, shop.book.vouching(current.remote, reference), shop)
    if planned.id != current.id:
        raise Conflict(
            f"{reference} calls itself {planned.id} now, and {current.id} is installed from it",
            hint=f"appctl info {current.id}",
        )
    return None if planned.digest == current.image_digest else planned


def is_skipped(planned: Plan, shop: Workshop) -> bool:
    """Whether somebody went back from that very image."""
    return skipped(shop.tools.paths).get(planned.id) == planned.digest
