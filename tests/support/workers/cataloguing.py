# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What `appctl publish --catalog` asks its program, and what comes out, for tests of that program."""

from pathlib import Path
from xml.etree import ElementTree as ET

from appctld.model.jsonvalue import Json, JsonObject
from appctld.workers.export.catalog.catalog import catalog
from appctld.workers.store.catalog.listing import XML_PATH
from support.layers.published_tar import entries
from support.workers.publishing import TIME, UNSIGNED, Layout
from support.workers.specimen import Specimen

NAME = "registry.example.org/apps/appctl-catalog:latest"
TOOL = "org.example.Tool"
ICON = "usr/share/icons/hicolor/{0}/apps/{1}.png"


def request(to: Path, *specimens: Specimen, **more: Json) -> JsonObject:
    """What the program is asked; the specimens are written first."""
    for specimen in specimens:
        specimen.write()
    places: list[Json] = [
        {"kind": "directory", "path": str(specimen.shelf.directory), "called": ""} for specimen in specimens
    ]
    return {
        "op": "catalog", "fds": {}, "images": places, "to": {"kind": "directory", "path": str(to)},
        "name": NAME, "timestamp": TIME, "sign": UNSIGNED, **more,
    }  # fmt: skip


def made(to: Path, *specimens: Specimen, **more: Json) -> JsonObject:
    return catalog(request(to, *specimens, **more), lambda _facts: None)


def files(to: Path) -> dict[str, bytes]:
    """What is in the catalogue's one layer."""
    (layer,) = Layout(to).layers(NAME)
    return {entry.name: entry.data for entry in entries(layer) if entry.data}


def components(to: Path) -> dict[str, ET.Element]:
    root = ET.fromstring(files(to)[XML_PATH])  # noqa: S314 - ours
    assert root.attrib == {"version": "1.0", "origin": "appctl-registry.example.org-apps"}
    return {str(one.findtext("id")): one for one in root}
