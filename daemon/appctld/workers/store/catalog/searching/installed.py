# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is searched of an installed app: the metainfo and icons that it exports, else its record's own words.

Guarantees: what is read was written anew when it was deployed (workers/store/exports), and is bounded. What
cannot be read is as not there. All texts are foreign.
"""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

from appctld.model.jsonvalue import JsonObject, get_str
from appctld.workers.store.catalog import texts
from appctld.workers.store.catalog.component import entry_of
from appctld.workers.store.catalog.listing import SIZES, metainfo_of
from appctld.workers.store.catalog.searching.entry import Entry
from appctld.workers.store.exports.names import LIMITS, Kind
from appctld.workers.store.names import check_id


def icons_of(apps: Path, app_id: str) -> Path:
    """The directory that an entry's icons are below."""
    return apps / check_id(app_id) / "current/export/share/icons/hicolor"


def installed_entry(app: JsonObject, apps: Path) -> Entry:
    """One of the apps in the directory `apps`: id, reference, name and version are its record's."""
    app_id, version = check_id(get_str(app, "id")), get_str(app, "version")
    plain = Entry(app_id, get_str(app, "reference"), {"": get_str(app, "name")}, version=version)
    found = _exported(apps / app_id / "current/export/share", plain)
    paths = {size: f"{size}/apps/{app_id}.png" for size in SIZES}
    icons = {size: path for size, path in paths.items() if (icons_of(apps, app_id) / path).is_file()}
    return replace(found, version=version, icons=icons)


def _exported(share: Path, plain: Entry) -> Entry:
    for path in metainfo_of(plain.id):
        try:
            with (share / path).open("rb") as file:
                element = ET.fromstring(file.read(LIMITS[Kind.METAINFO]))  # noqa: S314 - which we wrote
        except (OSError, ET.ParseError):
            continue
        texts.split(element)
        return entry_of(element, plain.id, plain.reference)
    return plain
