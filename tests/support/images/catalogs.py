# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Catalogue images: the tree that `appctl publish --catalog` writes, made by hand so that it can be wrong."""

import json
from collections.abc import Mapping

from support.images.png import png as picture

XML = "usr/share/swcatalog/xml/catalog.xml"
ICONS = "usr/share/swcatalog/icons"
LABELS = {"org.appctl.catalog": "1"}


def component(app_id: str, reference: str, name: str, *more: str, kind: str = "desktop-application") -> str:
    """One app as a publisher lists it; `more` is XML."""
    desktop = f'<launchable type="desktop-id">{app_id}.desktop</launchable>'
    home = '<url type="homepage">https://acme.example/</url>'
    custom = f'<custom><value key="appctl::reference">{reference}</value></custom>'
    return (
        f'<component type="{kind}"><id>{app_id}</id><name>{name}</name><summary>An app to try</summary>'
        f"<pkgname>{app_id}</pkgname>{desktop}{''.join(more)}{home}{custom}</component>"
    )


def document(*components: str) -> bytes:
    """The XML of a catalogue."""
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<components version="1.0" origin="acme">'
    return f"{head}{''.join(components)}</components>".encode()


def index(repository: str, digest: str, app_id: str, name: str) -> bytes:
    """What a flatpak index server says that has one app, in words that nobody signed."""
    said = f"<id>{app_id}</id><name>{name}</name><summary>It turns</summary>"
    labels = {
        "org.flatpak.ref": f"app/{app_id}/x86_64/stable",
        "org.freedesktop.appstream.appdata": document(
            f"<component type='desktop'>{said}</component>"
        ).decode(),
    }
    image = {"Digest": digest, "OS": "linux", "Architecture": "amd64", "Tags": ["latest"], "Labels": labels}
    return json.dumps({"Registry": "/", "Results": [{"Name": repository, "Images": [image]}]}).encode()


def tree(xml: bytes | None, icons: Mapping[str, bytes] | None = None) -> dict[str, bytes | None]:
    """Files by their path, each below directories; `icons` by SIZE/NAME.png."""
    files = {f"{ICONS}/{path}": data for path, data in (icons or {}).items()}
    files |= {} if xml is None else {XML: xml}
    found: dict[str, bytes | None] = {}
    for path in sorted(files):
        parts = path.split("/")
        found |= {"/".join(parts[:end]) + "/": None for end in range(1, len(parts))}
        found[path] = files[path]
    return found


def png(side: int, colour: bytes = b"\x20\x60\xa0") -> bytes:
    """A square picture of one colour."""
    return picture([colour * side] * side)
