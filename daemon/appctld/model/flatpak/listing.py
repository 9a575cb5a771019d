# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a flatpak index server says of the apps that it lists: AppStream texts and an icon, in images' labels.

Pure. Nobody signed any of it: a hint, which is shown as one. Guarantees: as of candidates (index.py); an app
of the architecture is there once, texts and pictures are bounded; what is not understood hides no other.
"""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass

from appctld.errors import BadManifest, LimitExceeded
from appctld.model.flatpak.index import INDEX_BYTES, images_of, offer_of
from appctld.model.jsonvalue import JsonError, JsonObject, get_object, get_objects, parse_object

APPDATA = "org.freedesktop.appstream.appdata"
ICON = "org.freedesktop.appstream.icon-64"
APPS = 10_000  # the largest repository of all has a third of that
ICON_LENGTH = 1 << 20  # characters of a data: URL; a picture of 64 by 64 has a hundredth of it
_DATA = "data:image/png;base64,"


@dataclass(frozen=True, slots=True)
class ListedApp:
    """One app: `target` is its repository and tag below the registry, `icon` a PNG as it came, if any did."""

    id: str
    target: str
    appdata: bytes
    icon: bytes | None


def parse_listing(data: bytes, architecture: str) -> list[ListedApp]:
    """The apps with AppStream texts, in the order of their IDs. Raises BadManifest, LimitExceeded."""
    if len(data) > INDEX_BYTES:
        raise LimitExceeded(f"an index of {len(data)} bytes", limit=INDEX_BYTES)
    try:
        results = get_objects(parse_object(data, len(data)), "Results")
    except JsonError as error:
        raise BadManifest(f"what the index server lists cannot be read: {error}") from error
    found: dict[str, ListedApp] = {}
    for app in (app for result in results for app in _apps(result, architecture)):
        found.setdefault(app.id, app)
        if len(found) > APPS:
            raise LimitExceeded(f"more than {APPS} apps in an index", limit=APPS)
    return [found[app_id] for app_id in sorted(found)]


def _apps(result: JsonObject, architecture: str) -> Iterator[ListedApp]:
    for name, image, named in images_of(result):
        offer = offer_of(name, image, named, architecture)
        if offer is None or offer.ref.is_runtime or not offer.tag:
            continue
        labels = get_object(image, "Labels", {})
        if isinstance(text := labels.get(APPDATA), str):
            yield ListedApp(offer.ref.id, f"{name}:{offer.tag}", text.encode(), _icon(labels.get(ICON)))


def _icon(url: object) -> bytes | None:
    """What stands in the label itself; an address is followed by nobody."""
    if not isinstance(url, str) or not url.startswith(_DATA) or len(url) > ICON_LENGTH:
        return None
    try:
        return base64.b64decode(url.removeprefix(_DATA), validate=True)
    except (binascii.Error, ValueError):
        return None
