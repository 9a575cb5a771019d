# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""catalog/component.py: whose app a component may list, and what of it is written."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from appctld.errors import AppctlError, BadManifest, Conflict
from appctld.workers.store.catalog.component import REFERENCE_KEY, Rules, read_component
from support.images.catalogs import component

EDITOR = component(
    "org.acme.Editor", "quay.io/acme/editor:1", "Editor", "<custom><value key='x'>y</value></custom>"
)
ACME = Rules("quay.io/acme", ["org.acme.*"])


def read(text: str, rules: Rules = ACME, reference: str = "") -> ET.Element:
    return read_component(text.encode(), rules, reference).element


def test_what_is_written_is_what_may_be_said_and_where_the_app_is() -> None:
    written = read(EDITOR)
    assert written.find("pkgname") is None
    (value,) = written.findall("custom/value")
    assert (value.get("key"), value.text) == (REFERENCE_KEY, "quay.io/acme/editor:1")
    assert written.findtext("launchable") == "org.acme.Editor.desktop"


def test_what_is_kept_to_be_searched_is_cut() -> None:
    text = component("org.acme.Editor", "quay.io/acme/editor", "n" * 500).replace("An app to try", "s" * 500)
    entry = read_component(text.encode(), ACME).entry
    assert (entry.names, entry.summaries) == ({"": "n" * 200}, {"": "s" * 300})
    assert (entry.id, entry.reference) == ("org.acme.Editor", "quay.io/acme/editor:latest")


def test_a_line_is_a_line_whatever_stands_in_it() -> None:
    words = "<description>\n<p>One\n two</p>\n\t<ul><li>three</li></ul></description>"
    found = read_component(
        component("org.acme.Editor", "quay.io/acme/editor", "Editor", words).encode(), ACME
    )
    line = found.with_icons({"64x64@2": "icons/x.png"}, Path("/state")).line()
    assert line.count(b"\n") == 1
    assert b"<p>One two</p><ul><li>three</li></ul>" in line
    assert b'<icon type="local" width="64" height="64" scale="2">/state/icons/x.png</icon>' in line


@pytest.mark.parametrize(
    ("text", "error", "why"),
    [
        (EDITOR.replace("quay.io/acme/", "quay.io/acme-evil/"), Conflict, "not below quay.io/acme"),
        (EDITOR.replace("quay.io/acme/", "quay.io/"), Conflict, "not below quay.io/acme"),
        (
            EDITOR.replace("org.acme.Editor", "org.gnome.Nautilus"),
            Conflict,
            "an ID that its remote may not use",
        ),
        (EDITOR.replace("org.acme.Editor", "editor"), BadManifest, "no application's"),
        (EDITOR.replace("<id>", "<id>org.acme.Two</id><id>"), BadManifest, "no application's"),
        (EDITOR.replace("quay.io/acme/editor:1", "editor"), BadManifest, "is none"),
        (EDITOR.replace(REFERENCE_KEY, "appctl::other"), BadManifest, "has no appctl::reference"),
        (EDITOR.replace("<value key='x'", f"<value key='{REFERENCE_KEY}'"), BadManifest, "or more than one"),
        (EDITOR.replace("desktop-application", "font"), BadManifest, "cannot be used"),
        (EDITOR.replace("<name>Editor</name>", ""), BadManifest, "cannot be used"),
    ],
)
def test_what_is_not_in_order_is_refused(text: str, error: type[AppctlError], why: str) -> None:
    with pytest.raises(error, match=why) as caught:
        read(text)
    assert type(caught.value) is error


def test_where_a_hint_leads_is_said_by_who_read_it_and_judged_as_well() -> None:
    bare = EDITOR.replace(REFERENCE_KEY, "appctl::other")
    assert read(bare, reference="quay.io/acme/x:2").findtext("custom/value") == "quay.io/acme/x:2"
    with pytest.raises(Conflict):
        read(bare, reference="quay.io/other/x:2")


def test_texts_of_each_language_stay_together() -> None:
    words = "<description><p>One</p></description><description xml:lang='de'><p>Eins</p></description>"
    written = read(component("org.acme.Editor", "quay.io/acme/editor", "Editor", words))
    assert ["".join(one.itertext()) for one in written.findall("description")] == ["One", "Eins"]
