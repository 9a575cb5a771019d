# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Only names under an app's own ID leave it, from directories that desktops read."""

import pytest

from appctld.workers.store.exports.emit import wanted
from appctld.workers.store.exports.names import NAME_LENGTH, PIXELS, Kind, owns, place_of

ID = "org.acme.Editor"
OWN = [
    ("applications/org.acme.Editor.desktop", Kind.DESKTOP, None),
    ("applications/org.acme.Editor.Viewer.desktop", Kind.DESKTOP, None),
    ("dbus-1/services/org.acme.Editor.service", Kind.SERVICE, None),
    ("dbus-1/services/org.acme.Editor.Search-1.service", Kind.SERVICE, None),
    ("metainfo/org.acme.Editor.metainfo.xml", Kind.METAINFO, None),
    ("metainfo/org.acme.Editor.appdata.xml", Kind.METAINFO, None),
    ("appdata/org.acme.Editor.appdata.xml", Kind.METAINFO, None),
    ("mime/packages/org.acme.Editor.xml", Kind.MIME, None),
    ("icons/hicolor/128x128/apps/org.acme.Editor.png", Kind.PNG, 128),
    ("icons/hicolor/64x64@2/mimetypes/org.acme.Editor.text.png", Kind.PNG, 128),
    (f"icons/hicolor/{PIXELS}x{PIXELS}/apps/org.acme.Editor.png", Kind.PNG, PIXELS),
    ("icons/hicolor/scalable/apps/org.acme.Editor.svg", Kind.SVG, None),
    ("icons/hicolor/symbolic/apps/org.acme.Editor-symbolic.svg", Kind.SVG, None),
    ("icons/hicolor/48x48/apps/org.acme.Editor.svg", Kind.SVG, 48),
]
OTHERS = [
    "applications/org.gnome.Nautilus.desktop",
    "applications/org.acme.EditorPlus.desktop",
    "applications/org.acme.Editor-symbolic.desktop",
    "applications/org.acme.editor.desktop",
    "applications/ORG.acme.Editor.desktop",
    "applications/org.acme.desktop",
    "applications/.desktop",
    "applications/org.acme.Editor..desktop",
    "applications/org.acme.Editor..x.desktop",
    "applications/org.acme.Editor.x y.desktop",
    "applications/org.acme.Editor.\u202edesktop",
    "applications/org.acme.Editor.desktop\n",
    "applications/org.acme.Editor.DESKTOP",
    "applications/sub/org.acme.Editor.desktop",
    "applications/../applications/org.acme.Editor.desktop",
    "/applications/org.acme.Editor.desktop",
    "applications//org.acme.Editor.desktop",
    f"applications/org.acme.Editor.{'x' * NAME_LENGTH}.desktop",
    "applications/mimeinfo.cache",
    "autostart/org.acme.Editor.desktop",
    "dbus-1/system-services/org.acme.Editor.service",
    "dbus-1/services/org.acme.Editor.desktop",
    "systemd/user/org.acme.Editor.service",
    "gnome-shell/search-providers/org.acme.Editor.search-provider.ini",
    "metainfo/org.acme.Editor.Viewer.metainfo.xml",
    "appdata/org.acme.Editor.metainfo.xml",
    "mime/org.acme.Editor.xml",
    "mime/packages/freedesktop.org.xml",
    "icons/hicolor/128x128/apps/org.acme.Editor.svgz",
    "icons/hicolor/128x64/apps/org.acme.Editor.png",
    "icons/hicolor/0x0/apps/org.acme.Editor.png",
    "icons/hicolor/128x128@5/apps/org.acme.Editor.png",
    f"icons/hicolor/{PIXELS + 1}x{PIXELS + 1}/apps/org.acme.Editor.png",
    "icons/hicolor/512x512@3/apps/org.acme.Editor.png",
    "icons/hicolor/scalable/apps/org.acme.Editor.png",
    "icons/hicolor/128x128/stock/org.acme.Editor.png",
    "icons/hicolor/128x128/apps/org.acme.EditorPlus-symbolic.png",
    "icons/hicolor/index.theme",
    "icons/Adwaita/128x128/apps/org.acme.Editor.png",
]


@pytest.mark.parametrize(("path", "kind", "pixels"), OWN)
def test_a_file_of_the_apps_own_name_may_be_exported(path: str, kind: Kind, pixels: int | None) -> None:
    place = place_of(path, ID)

    assert wanted(path, ID)
    assert place is not None
    assert (place.kind, place.pixels) == (kind, pixels)


@pytest.mark.parametrize("path", OTHERS)
def test_any_other_file_may_not(path: str) -> None:
    assert not wanted(path, ID)


@pytest.mark.parametrize(
    "name", ["org.acme.Editor.", "org.acme.Editor..", "org.acme.EditorX", "org.acme", ""]
)
def test_a_name_of_another_belongs_to_another(name: str) -> None:
    assert not owns(ID, name)
