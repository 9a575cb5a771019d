# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""One component of a catalogue: whose app it says to list, and what of it is written anew.

Pure. Guarantees: its ID is one that the remote may use, its reference lies below the remote's own prefix;
what is written is what an installed app's metainfo may say (exports/emit.py), and our own two elements.
Leaves to others: that no ID is there twice (listing.py), and which icons there are.
"""

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element

from appctld.errors import BadManifest, Conflict, InvalidReference
from appctld.model.appid import is_app_id
from appctld.model.reference import Reference, parse_reference
from appctld.workers.store.catalog import texts
from appctld.workers.store.catalog.searching.entry import Entry
from appctld.workers.store.exports.emit import Exporter, Refused, emit

REFERENCE_KEY = "appctl::reference"


@dataclass(frozen=True, slots=True)
class Rules:
    """What a remote may list: references below `prefix` (HOST[/PATH]), IDs that fit one of `ids`, if any."""

    prefix: str
    ids: Sequence[str] = ()

    def check(self, app_id: str, reference: Reference) -> None:
        """Raise Conflict for what is another publisher's."""
        if not f"{reference.name}/".startswith(f"{self.prefix}/"):
            raise Conflict(f"the catalogue lists {app_id} at {reference}, which is not below {self.prefix}")
        if self.ids and not any(fnmatch.fnmatchcase(app_id, pattern) for pattern in self.ids):
            raise Conflict(f"the catalogue lists {app_id}, an ID that its remote may not use")


@dataclass(frozen=True, slots=True)
class Component:
    """What is kept to be searched, and the element that is written, yet without icons."""

    entry: Entry
    element: Element

    def with_icons(self, icons: Mapping[str, str], directory: Path) -> "Component":
        """The same with icons: paths below `directory` by their size."""
        for size, path in icons.items():
            icon = ET.SubElement(self.element, "icon", {"type": "local", **icon_attributes(size)})
            icon.text = f"{directory}/{path}"
        return replace(self, entry=replace(self.entry, icons=icons))

    def line(self) -> bytes:
        """As it is written, on one line."""
        for element in self.element.iter():
            element.tail = None
            element.text = " ".join((element.text or "").split()) or None
        return ET.tostring(self.element, encoding="unicode").encode() + b"\n"


def icon_attributes(size: str) -> dict[str, str]:
    """What an icon's element says of its size (64x64, 64x64@2, …)."""
    square, _, scale = size.partition("@")
    width, _, height = square.partition("x")
    return {"width": width, "height": height} | ({"scale": scale} if scale else {})


def read_component(data: bytes, rules: Rules, reference: str = "", expected: str = "") -> Component:
    """Read `<component>…</component>`, which says where its app is unless a `reference` is given.

    Of an app that is `expected` ID.desktop means it too, as was usual once.

    Raises BadManifest, Conflict (another publisher's).
    """
    raw = _element(data)
    app_id, place = _id(raw, expected), _parsed(reference or _reference(raw), raw)
    rules.check(app_id, place)
    element = _emitted(raw, app_id)
    say_where(element, str(place))
    return Component(entry_of(element, app_id, str(place)), element)


def say_where(element: Element, reference: str) -> None:
    """Add where the app is installed from."""
    custom = ET.SubElement(ET.SubElement(element, "custom"), "value", {"key": REFERENCE_KEY})
    custom.text = reference


def _element(data: bytes) -> Element:
    """On its own: a prefix that the document around it declares is none here, and means nothing to us."""
    try:
        return ET.fromstring(data)  # noqa: S314 - cut out of a document without entities
    except ET.ParseError as error:
        raise BadManifest(f"the catalogue has a component that cannot be read alone: {error}") from error


def _id(component: Element, expected: str = "") -> str:
    found = [(element.text or "").strip() for element in component.findall("id")]
    if len(found) != 1 or not is_app_id(found[0]):
        raise BadManifest(f"the catalogue has a component whose ID is no application's: {str(found)[:80]!a}")
    return expected if found[0] == f"{expected}.desktop" else found[0]


def _reference(component: Element) -> str:
    """Where the app is installed from, as it is written."""
    values = component.findall("custom/value")
    found = [value.text or "" for value in values if value.get("key") == REFERENCE_KEY]
    if len(found) != 1:
        raise BadManifest(f"{_id(component)} has no {REFERENCE_KEY}, or more than one")
    return found[0].strip()


def _parsed(text: str, component: Element) -> Reference:
    try:
        return parse_reference(text)
    except InvalidReference as error:
        raise BadManifest(f"the {REFERENCE_KEY} of {_id(component)} is none: {error}") from error


def _emitted(raw: Element, app_id: str) -> Element:
    """What may be said of an app, written anew."""
    try:
        data = emit(f"metainfo/{app_id}.metainfo.xml", ET.tostring(raw), Exporter(app_id, ()))
    except Refused as error:
        raise BadManifest(f"the catalogue's component {app_id} cannot be used: {error.reason}") from error
    element = ET.fromstring(data)  # noqa: S314 - which we wrote
    for own in element.findall("id"):
        own.text = app_id
    texts.split(element)
    return element


def entry_of(element: Element, app_id: str, reference: str) -> Entry:
    """What is searched of a component that was written anew, without its icons."""
    return Entry(
        id=app_id,
        reference=reference,
        names=texts.lines(element, "name", texts.NAME_LENGTH),
        summaries=texts.lines(element, "summary", texts.SUMMARY_LENGTH),
        keywords=texts.keywords(element),
        description=texts.description(element),
        version=texts.version(element),
    )
