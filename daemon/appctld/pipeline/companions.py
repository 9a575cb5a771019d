# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is installed with an image: the runtime that an app stands on, and extensions that flatpak would load.

All from the image's own remote, each under a reference and a signature of its own (docs/adr/0026). An index
server, or a layout, only names candidates: one that its own signed label says to be another ref is refused,
as is a registry that is not the remote's. What is here already is left as it is. Extensions are no condition:
where nothing lists them, or the list cannot be had, the app comes without.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace

from appctld.config.remote import Remote
from appctld.errors import BadManifest, CredentialScope, Refused, Transport
from appctld.model.flatpak.index import Offer, Wanted
from appctld.model.flatpak.ref import FlatpakRef
from appctld.model.jsonvalue import JsonObject, get_objects, get_str
from appctld.model.reference import Reference, parse_reference
from appctld.pipeline.admission.here import record_here
from appctld.pipeline.admission.runtimes import missing, runtime_here, runtime_id
from appctld.pipeline.answers import understood
from appctld.pipeline.run import preview
from appctld.pipeline.stages import Planned
from appctld.pipeline.tools import INDEX_DEADLINE, Tools, ignore

EXTENSIONS = 32  # that come with one image by themselves; the largest runtimes load about ten

logger = logging.getLogger(__name__)


async def companions(planned: Planned, tools: Tools) -> tuple[Planned, ...]:
    """What is to be installed before `planned`, in this order.

    Raises NotFound (the runtime is nowhere), CredentialScope, BadManifest, and what a plan raises.
    """
    runtime = await _runtime(planned, tools)
    platform = (runtime,) if runtime else ()
    return (*platform, *(await _extensions((*platform, planned), planned, tools)))


async def _runtime(planned: Planned, tools: Tools) -> Planned | None:
    """The plan of the runtime that is missing."""
    wanted = planned.described.runtime
    if wanted is None or runtime_here(wanted, planned.remote.name, tools):
        return None
    if planned.remote.verify == "digest":  # else a digest would count that nobody typed
        raise missing(wanted, planned, ("no index: with verify=digest each digest is given by hand",))
    offers, looked_at = await _ask((Wanted(wanted),), planned, tools)
    if not offers:
        raise missing(wanted, planned, (looked_at,))
    return await _plan(offers[0], planned.remote, tools)


async def _extensions(images: Iterable[Planned], planned: Planned, tools: Tools) -> list[Planned]:
    """The plans of those that these images load by themselves."""
    points = [point for image in images for point in image.described.points if point.automatic]
    if not points or planned.remote.verify == "digest":
        return []
    wanted = tuple(dict.fromkeys(Wanted(point.ref, point.subdirectories) for point in points))
    try:
        offers, _ = await _ask(wanted, planned, tools)
    except (Refused, Transport) as error:
        logger.info("no extensions for %s: %s: %s", planned.id, error.name, error.message)
        return []
    chosen = [offer for offer in _each_once(offers) if _is_free(offer.ref, planned.remote, tools)]
    return [await _plan(offer, planned.remote, tools) for offer in chosen[:EXTENSIONS]]


def _is_free(ref: FlatpakRef, remote: Remote, tools: Tools) -> bool:
    """Whether an extension may have its ID: nothing else has it, and it is one of the remote's."""
    return remote.allows(ref.id) and record_here(runtime_id(ref, remote.name, tools), tools) is None


def _each_once(offers: Iterable[Offer]) -> Iterator[Offer]:
    """The first that is offered under each ID."""
    seen: set[str] = set()
    for offer in offers:
        if offer.ref.id not in seen:
            seen.add(offer.ref.id)
            yield offer


async def _plan(offer: Offer, remote: Remote, tools: Tools) -> Planned:
    """Verify and plan what is offered, as what it is offered as. Raises BadManifest where it is another.

    Nobody was asked about an older one: a downgrade that is allowed, and an ID that is given, are for what
    was named (R9).
    """
    tools, reference = replace(tools, allow_downgrade=False, as_id=""), _reference(offer, remote)
    planned = await preview(reference, tools.remote(remote.name, reference), tools, at=offer.digest)
    if planned.described.ref != offer.ref:
        raise BadManifest(
            f"{reference} is {planned.described.ref or 'no image of flatpak'}, and was listed as {offer.ref}"
        )
    return planned


def _reference(offer: Offer, remote: Remote) -> Reference:
    """Raises InvalidReference for a name that is none."""
    behind = f":{offer.tag}" if offer.tag else f"@{offer.digest}"
    return parse_reference(f"{remote.covered.host}/{offer.name}{behind}")


async def _ask(wanted: tuple[Wanted, ...], planned: Planned, tools: Tools) -> tuple[tuple[Offer, ...], str]:
    """The candidates that the remote's index has, and where it was looked. No credential goes there."""
    remote = planned.remote
    scheme = "http" if remote.plain_http else "https"
    request: JsonObject = {
        "op": "index",
        **tools.endpoint(remote, planned.reference, login=False),
        "index": f"{scheme}://{remote.prefix}",
        "wanted": [one.to_json() for one in wanted],
        "architecture": tools.platform.architecture,
    }
    answer = await tools.fetch(request, fds={}, report=ignore, deadline=INDEX_DEADLINE)
    with understood("fetcher"):
        offers = tuple(map(Offer.from_json, get_objects(answer, "offers")))
        registry, looked_at = get_str(answer, "registry"), get_str(answer, "looked_at")
    if registry and registry.rstrip("/") != f"{scheme}://{remote.covered.host}":
        raise CredentialScope(
            f"the index of remote {remote.name} leads to another registry than its own: {registry:.200}"
        )
    matching = (offer for offer in offers if any(one.matches(offer.ref) for one in wanted))
    return tuple(offer for offer in matching if _is_below(offer, remote)), looked_at


def _is_below(offer: Offer, remote: Remote) -> bool:
    """Whether it lies below the remote's prefix: what a whole registry lists beside that is not its."""
    path = remote.covered.path
    return not path or f"{offer.name}/".startswith(f"{path}/")
