# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Install and Resolve: the sentence for what a caller named.

Installing an installed ID from its own remote is an update; the same digest again changes nothing and is no
failure. What was shown is what is installed: a digest or permissions other than the preview's are refused.
"""

import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

from appctld.config.publisherfile import FILE_BYTES, is_address, parse_publisher_file
from appctld.config.remote import Remote
from appctld.errors import (
    AlreadyInstalled,
    AppctlError,
    DigestMismatch,
    InvalidReference,
    NeedsApproval,
    RepoCorrupt,
)
from appctld.jobs.approval import asked_set, check_approved
from appctld.jobs.apps.choices import forget_choices
from appctld.jobs.apps.kinds import AnyPlan, beside, carry_out, plan_any
from appctld.jobs.apps.removal import tidy
from appctld.jobs.apps.room import check_room
from appctld.jobs.apps.stocked import from_stock, pull
from appctld.jobs.reporting.chronicle import done_facts
from appctld.jobs.reporting.views import deployed_view, outcome_view, preview_view
from appctld.jobs.requests import AnyRequest, Install, Resolve, bundle, flag, text
from appctld.jobs.workshop import Workshop, asking, each
from appctld.model.jsonvalue import JsonObject
from appctld.model.ostreeref import AnyReference, OstreeRef
from appctld.model.permissions import Permission
from appctld.pipeline.again import for_platform
from appctld.pipeline.images.bundle import bringing
from appctld.pipeline.plans import Plan
from appctld.pipeline.stages import Deployed, Planned
from appctld.state.available import remember_success
from appctld.state.decisions import approve
from appctld.state.paths import Paths
from appctld.state.pulled import forget_pulled
from appctld.state.records import Record
from appctld.state.skipped import forget_skipped, skip

logger = logging.getLogger(__name__)

Companions = tuple[Planned, ...] | None
"""What comes with an image; None where that is not known."""

Waits = Callable[[AnyPlan, Companions, NeedsApproval, Workshop], Awaitable[None]]
"""What is done about an image that waits for approval; what comes with it is known if its download began."""


async def install_all(request: Install, shop: Workshop) -> JsonObject:
    """Install every reference of the request, or the one that came with a bundle."""

    async def one(name: str) -> JsonObject:
        return await asking(shop, partial(_install_named, name, request))

    return {"apps": await each(shop, request.refs, one)}


async def resolve_one(request: Resolve, shop: Workshop) -> JsonObject:
    """The preview of one reference; of the address of a publisher's file, what stands there."""
    if is_address(request.reference):
        return {"file": await _publisher_file(request.reference, shop)}
    return {"preview": await asking(shop, partial(_preview, request))}


async def _preview(request: Resolve, shop: Workshop) -> JsonObject:
    shop = _as_chosen(request, shop)
    remote, reference = shop.book.find(request.reference, text(request, "remote"))
    async with with_bundle(request, reference, remote, shop) as stocked:
        planned = await plan_reference(reference, remote, stocked)
        before = await companions_of(planned, stocked)
        await check_room(planned, before, stocked)
        return preview_view(planned, before)


async def _publisher_file(address: str, shop: Workshop) -> str:
    """A publisher's file from its address; what is none is told to nobody. Raises InvalidReference."""
    host = address.removeprefix("https://").partition("/")[0]
    request: JsonObject = {
        "op": "document",
        "url": address,
        "ca": shop.tools.network.authorities(host),
        "proxy": shop.tools.network.proxies(),
    }
    _, data = await shop.tools.fetch_bytes(request, FILE_BYTES)
    parse_publisher_file(data)
    return data.decode()


def _as_chosen(request: Install | Resolve, shop: Workshop) -> Workshop:
    """The same for the architecture and the ID that the request names. Raises InvalidReference."""
    as_id = text(request, "as-id")
    if as_id and len(request.about) != 1:
        raise InvalidReference("an ID is given to exactly one image", hint="give one reference")
    tools = for_platform(text(request, "arch"), replace(shop.tools, as_id=as_id))
    return replace(shop, tools=tools)


@asynccontextmanager
async def with_bundle(
    request: Install | Resolve, reference: AnyReference, remote: Remote, shop: Workshop
) -> AsyncIterator[Workshop]:
    """For the length of the block the workshop reads images from the bundle that came, if one did.

    Where nothing may be fetched, from what is here. Raises InvalidReference where it is not clear what is in
    it, and as `bringing` and `from_stock`.
    """
    handed = bundle(request)
    here = flag(request, "no-pull") or flag(request, "cached-only")
    if handed is None:
        yield await from_stock(reference, remote, shop) if here else shop
        return
    if here or len(request.about) != 1 or isinstance(reference, OstreeRef):
        raise InvalidReference(
            "a bundle is for exactly one reference, which is an image's", hint="give one, of an image"
        )
    async with bringing(handed, shop.tools) as brought:
        yield replace(shop, tools=replace(shop.tools, bundle=brought))


async def plan_reference(reference: AnyReference, remote: Remote, shop: Workshop) -> AnyPlan:
    """The plan for one reference; an error says what it is about and what still runs."""
    try:
        return await plan_any(reference, remote, shop.tools)
    except AppctlError as error:
        apps = await shop.installed()
        running = [app for app in apps.values() if app.current.reference == str(reference)]
        if running:
            error.about(note=f"Nothing changed; {running[0].current.version} still runs.")
        error.about(reference=str(reference), remote=remote.name)
        raise


async def deploy_approved(
    planned: AnyPlan, request: AnyRequest, approved: Iterable[Permission], shop: Workshop, waits: Waits
) -> JsonObject:
    """Do what a plan says if that is approved. Raises NeedsApproval, which `waits` hears of first."""
    before: Companions = None
    try:
        check_approved(planned, request, approved)
        before = await companions_of(planned, shop)
        return await _deploy(planned, before, shop)
    except NeedsApproval as error:
        await waits(planned, before, error, shop)
        raise


async def _deploy(planned: AnyPlan, before: tuple[Planned, ...], shop: Workshop) -> JsonObject:
    """Do it, write it into the history, and drop what is no longer kept."""
    await check_room(planned, before, shop)
    try:
        *others, deployed = await carry_out(planned, before, shop.tools, partial(_note, planned, shop))
    except AlreadyInstalled:
        current = shop.app(planned.id).current
        return outcome_view(current, shop.tools.paths, changed=False)
    except AppctlError as error:
        error.about(app=planned.id, digest=str(planned.digest))
        raise
    await tidy(planned.id, shop, before=deployed.previous)
    return deployed_view(deployed, others, shop.tools.paths)


async def companions_of(planned: AnyPlan, shop: Workshop) -> tuple[Planned, ...]:
    """What comes with it; an error says whose it is."""
    try:
        return await beside(planned, shop.tools)
    except AppctlError as error:
        if planned.current:
            error.about(note=f"Nothing changed; {planned.current.version} still runs.")
        error.about(app=planned.id, remote=planned.remote.name)
        raise


async def companions_if_known(planned: AnyPlan, shop: Workshop) -> Companions:
    """The same for what is not deployed now: then nothing of it is why the job fails."""
    try:
        return await companions_of(planned, shop)
    except AppctlError as error:
        logger.warning("what comes with %s is not known: %s: %s", planned.id, error.name, error.message)
        return None


def show_what_waits(planned: AnyPlan, before: Companions, error: NeedsApproval, shop: Workshop) -> None:
    """A job about one image that ends in needs-approval has its preview for a result.

    A runtime that could not be looked for is not said to be here.
    """
    if _is_alone(shop):
        preview = preview_view(planned, before or ()) | asked_set(error)
        if before is None:
            preview["runtime-installed"] = False
        shop.job.result = {"preview": preview}


def _is_alone(shop: Workshop) -> bool:
    return len(shop.job.refs) == 1


async def _show(planned: AnyPlan, before: Companions, error: NeedsApproval, shop: Workshop) -> None:
    """What comes with it is looked for only where it is shown."""
    if before is None and _is_alone(shop):
        before = await companions_if_known(planned, shop)
    show_what_waits(planned, before, error, shop)


async def _note(planned: Plan, shop: Workshop, deployed: Deployed) -> None:
    """The app, or what came with it, is another now: history of its own, whatever becomes of the job."""
    record, facts = deployed.record, done_facts(deployed.record, deployed.previous)
    try:
        if record.id == planned.id:
            await shop.record(_event(planned), facts, partial(_note_choices, planned, record, shop.job.uid))
        else:
            await shop.record("install", facts)
    finally:
        shop.observer.apps_changed([record.id])


def _event(planned: Plan) -> str:
    if planned.standing.downgrade:
        return "downgrade"
    return "update" if planned.current else "install"


def _note_choices(planned: Plan, deployed: Record, uid: int, paths: Paths) -> None:
    """Who approved what it asks for; of an app that was not here nothing counts that was decided before.

    Who went back to an older image is not brought forward again behind their back.
    """
    remember_success(paths, planned.id)
    forget_pulled(paths, deployed.remote, deployed.reference, deployed.arch)
    if planned.current is None:
        forget_choices(paths, [planned.id])
    elif planned.standing.downgrade:
        skip(paths, planned.id, planned.current.image_digest)
    else:
        forget_skipped(paths, [planned.id])
    with contextlib.suppress(RepoCorrupt):  # then it is not known who
        approve(paths, planned.id, deployed.remote, deployed.permissions, uid)


async def _install_named(name: str, request: Install, shop: Workshop) -> JsonObject:
    shop = _as_chosen(request, shop)
    remote, reference = shop.book.find(name, text(request, "remote"))
    async with with_bundle(request, reference, remote, shop) as stocked:
        return await _install_one(reference, remote, request, stocked)


async def _install_one(
    reference: AnyReference, remote: Remote, request: Install, shop: Workshop
) -> JsonObject:
    planned = await plan_reference(reference, remote, shop)
    current = planned.current
    _check_digest(planned, request)
    if current and current.image_digest == planned.digest and not flag(request, "reinstall"):
        return outcome_view(current, shop.tools.paths, changed=False)
    if flag(request, "no-deploy"):
        before = await companions_of(planned, shop)
        await check_room(planned, before, shop)
        return await pull(planned, before, shop)
    return await deploy_approved(planned, request, current.permissions if current else (), shop, _show)


def _check_digest(planned: Plan, request: Install) -> None:
    digest = str(planned.digest)
    if text(request, "expected-digest") not in {"", digest}:
        raise DigestMismatch(
            f"{planned.reference} is now {digest}, not what was shown",
            hint="look at it again: a newer image appeared meanwhile",
        )
