# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""catalog/searching/installed.py: what an app exports is searched; where it exports nothing, its record."""

from pathlib import Path

import pytest

from appctld.errors import Failed
from appctld.model.jsonvalue import JsonObject
from appctld.workers.store.catalog.searching.entry import Entry
from appctld.workers.store.catalog.searching.installed import icons_of, installed_entry
from support.images.catalogs import component, png

APP: JsonObject = {
    "id": "org.acme.Editor",
    "reference": "quay.io/acme/editor:1",
    "name": "Its title",
    "version": "3",
}
PLAIN = Entry("org.acme.Editor", "quay.io/acme/editor:1", {"": "Its title"}, version="3")
WORDS = "<description><p>One</p><p xml:lang='de'>Eins</p></description>"
NEWER = "<releases><release version='9'/></releases>"


def exported(apps: Path, path: str, data: bytes) -> None:
    file = apps / "org.acme.Editor/current/export/share" / path
    file.parent.mkdir(parents=True)
    file.write_bytes(data)


@pytest.mark.parametrize(
    "path", ["metainfo/{}.metainfo.xml", "metainfo/{}.appdata.xml", "appdata/{}.appdata.xml"]
)
def test_what_is_exported_is_searched_in_its_version(path: str, tmp_path: Path) -> None:
    text = component("org.acme.Editor", "x", "Editor", "<name xml:lang='de'>Heft</name>", WORDS, NEWER)
    exported(tmp_path, path.format("org.acme.Editor"), text.encode())
    found = installed_entry(APP, tmp_path)
    assert (found.reference, found.version, found.description) == (PLAIN.reference, "3", "One")
    assert (found.names, found.summaries) == ({"": "Editor", "de": "Heft"}, {"": "An app to try"})


@pytest.mark.parametrize("data", [b"", b"<component", b"\xff"])
def test_what_cannot_be_read_is_as_not_there(data: bytes, tmp_path: Path) -> None:
    assert installed_entry(APP, tmp_path) == PLAIN
    exported(tmp_path, "metainfo/org.acme.Editor.metainfo.xml", data)
    assert installed_entry(APP, tmp_path) == PLAIN


def test_icons_are_those_that_are_there(tmp_path: Path) -> None:
    exported(tmp_path, "icons/hicolor/128x128/apps/org.acme.Editor.png", png(128))
    icons = installed_entry(APP, tmp_path).icons
    assert icons == {"128x128": "128x128/apps/org.acme.Editor.png"}
    assert (icons_of(tmp_path, "org.acme.Editor") / icons["128x128"]).is_file()


def test_what_is_no_id_is_no_path(tmp_path: Path) -> None:
    with pytest.raises(Failed):
        installed_entry({**APP, "id": "../../etc"}, tmp_path)
    with pytest.raises(Failed):
        icons_of(tmp_path, "../../etc")
