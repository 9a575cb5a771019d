# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The operation `catalog`: read the images that are named, and publish a catalogue of them.

Guarantees: all of them were read, and what the daemon would refuse was found, before anything leaves. Leaves
to others: whose logins these are (the caller's), and the way to the destination (publish/leaving.py).
"""

import time
from collections.abc import Sequence
from contextlib import ExitStack

from appctld.errors import InvalidReference, LimitExceeded
from appctld.model.catalog import prefix_of
from appctld.model.jsonvalue import Json, JsonObject, get_int, get_object, get_objects, get_str
from appctld.model.reference import Reference
from appctld.workers.export.catalog.app import App, read_app
from appctld.workers.export.catalog.making import (
    check_below,
    check_once,
    files_of,
    make_catalog,
)
from appctld.workers.export.publish.leaving import Told, leave
from appctld.workers.export.publish.packing import Packer
from appctld.workers.export.publish.signing.payload import parse_identity
from appctld.workers.export.publish.signing.signers import Signers
from appctld.workers.images.listings import Listings
from appctld.workers.images.sources import Named, opened
from appctld.workers.images.validators import METAINFO, ask, missing
from appctld.workers.protocol import Report
from appctld.workers.store.catalog.component import Rules
from appctld.workers.store.catalog.components import COMPONENTS
from appctld.workers.store.catalog.listing import XML_PATH, read_catalog

REMARKS = 1000  # more than anybody reads; those of 10,000 apps might be more than a client takes
_NAMED = "name it HOST/REPOSITORY:TAG where it is written"


def catalog(request: JsonObject, report: Report) -> JsonObject:
    """`{"images": [place, …], "ca", "proxy", "to", "name", "timestamp", "sign"}`.

    -> as leaving.py, with `"apps": [{"id", "reference", "icons"}]` and `"remarks"`. A place is
    images/sources.py's, but for `ca` and `proxy`, which all registries have in common; `name` is the whole
    name of the catalogue; `timestamp` in seconds, -1 for now. Raises InvalidReference, Conflict,
    LimitExceeded, what a place, a signer and a destination raise.
    """
    to, name = get_object(request, "to"), _name(request)
    prefix = prefix_of(name)
    signers = Signers.parse(get_object(request, "sign"), to)
    apps, remarks = _read(request, prefix, report)
    files = files_of(apps, prefix)
    read_catalog(files[XML_PATH], Rules(prefix))
    remarks = [*_first(remarks), *_validated(files[XML_PATH])]
    told = Told(report)
    with ExitStack() as stack:
        packer = Packer(stack, told.packed)
        image = make_catalog(files, _time(request), f"The apps of {prefix}", packer)
        left = leave(image, signers.sign(image.digest) if signers else None, to, str(name), told)
    return {**left, "apps": [_told(app) for app in apps], "remarks": list[Json](remarks)}


def _read(request: JsonObject, prefix: str, report: Report) -> tuple[list[App], list[str]]:
    apps: list[App] = []
    remarks: list[str] = []
    listings = Listings()
    for place, named, reference in _named(_places(request), prefix):
        report({"stage": "verifying", "title": named.name})
        with opened(place) as where:
            app = read_app(where, named, reference, listings)
        apps += [app] if app else []
        remarks += app.remarks if app else [f"{reference}: left out, nobody starts what is in it"]
    if not apps:
        raise InvalidReference(
            "none of these images is an app's", hint="appctl lint IMAGE    (what is missing)"
        )
    check_once(apps)
    return sorted(apps, key=lambda app: app.id), remarks


def _places(request: JsonObject) -> list[JsonObject]:
    """Each with what holds for all registries, if anything does."""
    shared: JsonObject = {key: request[key] for key in ("ca", "proxy") if key in request}
    return [{**place, **shared} for place in get_objects(request, "images")]


def _named(places: Sequence[JsonObject], prefix: str) -> list[tuple[JsonObject, Named, Reference]]:
    """Every image with its place, each of which may be listed, and how many: known before any is fetched."""
    found = []
    for place in places:
        with opened(place) as where:
            for named in where.images():
                if named.reference is None:
                    raise InvalidReference(
                        f"{named.name} stands there without a whole reference", hint=_NAMED
                    )
                check_below(named.reference, prefix)
                found.append((place, named, named.reference))
        if len(found) > COMPONENTS:
            raise LimitExceeded(f"a catalogue of more than {COMPONENTS} images", limit=COMPONENTS)
    return found


def _first(remarks: Sequence[str]) -> list[str]:
    """As many as an answer has room for, and how many there are besides."""
    left_out = len(remarks) - REMARKS
    return [*remarks[:REMARKS], *([f"and {left_out} more remarks"] if left_out > 0 else [])]


def _name(request: JsonObject) -> Reference:
    text = get_str(request, "name")
    if not text:
        hint = "--as HOST/PREFIX/appctl-catalog:latest"
        raise InvalidReference("a catalogue in a layout is given a name", hint=hint)
    return parse_identity(text)


def _validated(xml: bytes) -> list[str]:
    """What AppStream's own validator says of it, where that is here: a publisher's to decide."""
    said = "" if missing(METAINFO) else ask(METAINFO, "catalog.xml", xml)
    return [f"{METAINFO[0]}: {said}"] if said else []


def _time(request: JsonObject) -> int:
    wanted = get_int(request, "timestamp")
    return int(time.time()) if wanted < 0 else wanted


def _told(app: App) -> JsonObject:
    return {"id": app.id, "reference": str(app.reference), "icons": list[Json](app.icons)}
