# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""catalog/files.py: a picture has the size that it is listed with, and is listed only if it is there."""

from pathlib import Path

import pytest

from appctld.workers.store.catalog.component import Component, Rules, read_component
from appctld.workers.store.catalog.files import files_of, icon_path, picture
from appctld.workers.store.catalog.searching.entry import read_index
from support.images.catalogs import component, png


def editor() -> Component:
    return read_component(component("org.acme.Editor", "x.io/editor", "Editor").encode(), Rules("x.io"))


@pytest.mark.parametrize(("size", "pixels"), [("64x64", 64), ("128x128", 128), ("64x64@2", 128)])
def test_a_picture_has_its_size(size: str, pixels: int) -> None:
    assert picture(png(pixels), "org.acme.Editor", size)
    assert picture(png(pixels + 1), "org.acme.Editor", size) is None


def test_only_pictures_that_are_there_are_listed() -> None:
    icons = {icon_path("org.acme.Editor", "64x64"): png(64)}
    files = files_of([editor()], icons, "acme", Path("/state"), signed=True)
    assert files.keys() == {"catalog.xml", "index.json", *icons}
    (entry,), signed = read_index(files["index.json"])
    assert (entry.icons, signed) == ({"64x64": "icons/64x64/org.acme.Editor.png"}, True)
    assert files["catalog.xml"].count(b"<icon") == 1
    assert b'origin="appctl-acme"' in files["catalog.xml"]
