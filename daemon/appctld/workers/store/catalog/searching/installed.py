# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is told of an installed app that no catalogue lists: what it exports, else its record's own words.

Guarantees: what is read was written anew when it was deployed (workers/store/exports), and is bounded. What
cannot be read is as not there. All texts are foreign.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element

from appctld.model.jsonvalue import JsonObject, get_str
from appctld.workers.store.catalog import texts
from appctld.workers.store.catalog.component import Component, entry_of, say_where
from appctld.workers.store.catalog.components import COMPONENT_BYTES
from appctld.workers.store.catalog.listing import SIZES, metainfo_of
from appctld.workers.store.catalog.searching.entry import Entry
from appctld.workers.store.exports.desktop.values import groups_of, unescaped
from appctld.workers.store.exports.exporter import Refused
from appctld.workers.store.exports.names import LIMITS, Kind
from appctld.workers.store.exports.text import shown
from appctld.workers.store.names import check_id


def icons_of(apps: Path, app_id: str) -> Path:
    """The directory that an entry's icons are below."""
    return _share(apps, check_id(app_id)) / "icons/hicolor"


def installed_entry(app: JsonObject, apps: Path) -> Entry:
    """What is searched of one of the apps in the directory `apps`.

    Its record's are id, reference, name and version.
    """
    return _component(app, apps, _exported(app, apps)).entry


def installed_line(app: JsonObject, apps: Path) -> bytes:
    """The component of it, as a catalogue has one."""
    line = _component(app, apps, _exported(app, apps)).line()
    return line if len(line) <= COMPONENT_BYTES else _component(app, apps, None).line()


def _component(app: JsonObject, apps: Path, exported: Element | None) -> Component:
    app_id, reference = check_id(get_str(app, "id")), get_str(app, "reference")
    element = _of_record(app, apps) if exported is None else exported
    entry = replace(entry_of(element, app_id, reference), version=get_str(app, "version"))
    for own in element.findall("id"):
        own.text = app_id  # old metainfo has ID.desktop
    if element.find("summary") is None:  # without one libappstream passes an app over
        ET.SubElement(element, "summary").text = _name(app)
    say_where(element, reference)
    icons = icons_of(apps, app_id)
    paths = {size: f"{size}/apps/{app_id}.png" for size in SIZES}
    there = {size: path for size, path in paths.items() if (icons / path).is_file()}
    return Component(entry, element).with_icons(there, icons)


def _exported(app: JsonObject, apps: Path) -> Element | None:
    app_id = check_id(get_str(app, "id"))
    for path in metainfo_of(app_id):
        try:
            with (_share(apps, app_id) / path).open("rb") as file:
                element = ET.fromstring(file.read(LIMITS[Kind.METAINFO]))  # noqa: S314 - which we wrote
        except (OSError, ET.ParseError):
            continue
        texts.split(element)
        return element
    return None


def _of_record(app: JsonObject, apps: Path) -> Element:
    """What its image's labels say, which the record has, and its desktop file."""
    app_id = get_str(app, "id")
    started = _desktop_entry(_share(apps, app_id) / f"applications/{app_id}.desktop")
    element = Element("component", type="console-application" if started is None else "desktop-application")
    ET.SubElement(element, "id").text = app_id
    ET.SubElement(element, "name").text = _name(app)
    said = shown(unescaped((started or {}).get("Comment", "")) or "")
    if said:
        ET.SubElement(element, "summary").text = said
    ET.SubElement(ET.SubElement(element, "description"), "p").text = said or _name(app)
    if started is not None:
        ET.SubElement(element, "launchable", type="desktop-id").text = f"{app_id}.desktop"
    return element


def _name(app: JsonObject) -> str:
    """Its title, of which a label may have characters that no XML can: one would take all other apps away."""
    return shown(get_str(app, "name")) or get_str(app, "id")


def _desktop_entry(path: Path) -> Mapping[str, str] | None:
    try:
        with path.open("rb") as file:
            return groups_of(file.read(LIMITS[Kind.DESKTOP]))["Desktop Entry"]
    except (OSError, Refused, KeyError):
        return None


def _share(apps: Path, app_id: str) -> Path:
    return apps / app_id / "current/export/share"
