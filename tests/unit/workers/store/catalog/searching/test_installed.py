# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""catalog/searching/installed.py: what an app exports is told; where it exports nothing, its record."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from appctld.errors import Failed
from appctld.model.jsonvalue import JsonObject
from appctld.workers.store.catalog.components import COMPONENT_BYTES
from appctld.workers.store.catalog.searching.entry import Entry
from appctld.workers.store.catalog.searching.installed import icons_of, installed_entry, installed_line
from support.images.catalogs import component, png

APP: JsonObject = {
    "id": "org.acme.Editor",
    "reference": "quay.io/acme/editor:1",
    "name": "Its title",
    "version": "3",
}
PLAIN = Entry(
    "org.acme.Editor", "quay.io/acme/editor:1", {"": "Its title"}, version="3", description="Its title"
)
WORDS = "<description><p>One</p><p xml:lang='de'>Eins</p></description>"
NEWER = "<releases><release version='9'/></releases>"


def exported(apps: Path, path: str, data: bytes) -> None:
    file = apps / "org.acme.Editor/current/export/share" / path
    file.parent.mkdir(parents=True)
    file.write_bytes(data)


def told(apps: Path) -> tuple[str | None, dict[str, str | None]]:
    """Of which type its component is, and what is in it."""
    line = installed_line(APP, apps)
    assert line.count(b"\n") == 1
    element = ET.fromstring(line)  # noqa: S314 - ours
    return element.get("type"), {one.tag: one.text for one in element.iter() if one.text}


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


def test_a_component_has_what_is_exported_and_where_it_comes_from(tmp_path: Path) -> None:
    said = (
        component("org.acme.Editor.desktop", "x", "Editor", WORDS).partition("<custom>")[0] + "</component>"
    )
    exported(tmp_path, "metainfo/org.acme.Editor.metainfo.xml", said.encode())
    exported(tmp_path, "icons/hicolor/64x64/apps/org.acme.Editor.png", png(64))
    kind, found = told(tmp_path)
    assert kind == "desktop-application"
    assert found["icon"] == str(icons_of(tmp_path, "org.acme.Editor") / "64x64/apps/org.acme.Editor.png")
    assert (found["id"], found["name"], found["summary"]) == ("org.acme.Editor", "Editor", "An app to try")
    assert (found["value"], found["p"]) == (PLAIN.reference, "Eins")


def test_a_component_of_an_image_without_metainfo_has_its_records_words(tmp_path: Path) -> None:
    plain = {"id": "org.acme.Editor", "name": "Its title", "value": PLAIN.reference}
    assert told(tmp_path) == ("console-application", {**plain, "summary": "Its title", "p": "Its title"})
    text = "[Desktop Entry]\nType=Application\nName=Editor\nComment=Edit\\stexts\n"
    exported(tmp_path, "applications/org.acme.Editor.desktop", text.encode())
    starts = {"launchable": "org.acme.Editor.desktop", "summary": "Edit texts", "p": "Edit texts"}
    assert told(tmp_path) == ("desktop-application", plain | starts)
    assert installed_entry(APP, tmp_path).summaries == {"": "Edit texts"}


def test_metainfo_that_is_too_large_for_a_catalogue_is_left_out_of_it(tmp_path: Path) -> None:
    text = component(
        "org.acme.Editor", "x", "Editor", f"<project_group>{'x' * COMPONENT_BYTES}</project_group>"
    )
    exported(tmp_path, "metainfo/org.acme.Editor.metainfo.xml", text.encode())
    assert told(tmp_path)[1]["name"] == "Its title"
    assert installed_entry(APP, tmp_path).names == {"": "Editor"}


def test_what_is_no_id_is_no_path(tmp_path: Path) -> None:
    with pytest.raises(Failed):
        installed_entry({**APP, "id": "../../etc"}, tmp_path)
    with pytest.raises(Failed):
        installed_line({**APP, "id": "../../etc"}, tmp_path)
    with pytest.raises(Failed):
        icons_of(tmp_path, "../../etc")


@pytest.mark.parametrize(
    "text", ["A\ufffe tool", "A\uffff tool", "A\ud800 tool", "A\x01 tool", "A\u202e tool"]
)
def test_what_no_xml_can_hold_takes_no_other_app_away(text: str, tmp_path: Path) -> None:
    """A title is a label, and a comment is of a desktop file: neither was ever in XML."""
    line = installed_line(APP | {"name": text}, tmp_path)
    assert ET.fromstring(line).findtext("name") == "A tool"  # noqa: S314 - ours
    assert ET.fromstring(installed_line(APP | {"name": text[1:2]}, tmp_path)).findtext("name") == APP["id"]  # noqa: S314
    comment = text.encode(errors="replace")
    exported(tmp_path, "applications/org.acme.Editor.desktop", b"[Desktop Entry]\nComment=" + comment + b"\n")
    ET.fromstring(installed_line(APP, tmp_path))  # noqa: S314 - ours
