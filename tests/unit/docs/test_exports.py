# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""docs/exports.md: the lists and limits that it names are those of the code."""

import re
from pathlib import Path

import pytest

from appctld.workers.store.exports.desktop.keys import ACTION_KEYS, KEYS
from appctld.workers.store.exports.exporter import Exporter
from appctld.workers.store.exports.icons.drawing import cost, size
from appctld.workers.store.exports.icons.drawing.vocabulary import PRIMITIVES
from appctld.workers.store.exports.markup import document, metainfo, mime
from appctld.workers.store.exports.names import (
    ALL_BYTES,
    FILES,
    FILES_OF,
    LIMITS,
    OPENED,
    PATTERNS,
    PIXELS,
    Kind,
)

TEXT = (Path(__file__).resolve().parents[3] / "docs/exports.md").read_text()
APP = Exporter("org.acme.Editor", ("/usr/bin/appctl", "run"))
OURS = {"Exec", "Icon", "DBusActivatable", "Actions", "X-AppCtl"}


def section(heading: str) -> str:
    """What stands below a heading, up to the next."""
    return TEXT.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def rows(heading: str) -> tuple[set[str], set[str]]:
    """The names in the first column: of what is kept, and of what is left out."""
    kept, gone = set[str](), set[str]()
    for names, meaning in re.findall(r"^\| (`.+?) \| (.+) \|$", section(heading), re.MULTILINE):
        (gone if meaning == "left out" else kept).update(re.findall(r"`([\w-]+)`", names))
    return kept, gone


def test_every_key_of_a_desktop_file_stands_there() -> None:
    kept, gone = rows("Desktop files")

    assert kept == KEYS.keys() | OURS | {"true", "false"} - {"true", "false"}
    assert not gone & KEYS.keys()
    assert ACTION_KEYS.keys() <= kept


@pytest.mark.parametrize(
    ("heading", "children", "others"),
    [
        ("MIME types", mime._mime_type(APP.id, APP.taken).children, {"mime-type"}),
        ("Metainfo", metainfo._component(APP).children, {"url"}),
    ],
)
def test_every_element_stands_there(heading: str, children: dict[str, object], others: set[str]) -> None:
    kept, gone = rows(heading)

    assert kept == children.keys() | others
    assert not gone & kept


def test_every_step_of_a_filter_stands_there() -> None:
    assert set(re.findall(r"`(fe\w+)`", section("SVG"))) == PRIMITIVES


def test_the_limits_are_those_of_the_code() -> None:
    said = dict(re.findall(r"^\| (`.+?) \| ([0-9]+) KiB \|$", TEXT, re.MULTILINE))
    samples = {
        Kind.DESKTOP: "applications", Kind.SERVICE: "dbus-1", Kind.METAINFO: "metainfo", Kind.MIME: "mime",
        Kind.PNG: "icons/hicolor/NxN", Kind.SVG: "icons/hicolor/{",
    }  # fmt: skip
    found = {
        kind: int(limit) << 10
        for kind, start in samples.items()
        for path, limit in said.items()
        if path.startswith(f"`{start}")
    }

    assert found == LIMITS
    assert PATTERNS.keys() == LIMITS.keys()
    assert f"at most {FILES}\nfiles and {ALL_BYTES >> 20} MiB" in TEXT
    assert (
        f"of them {FILES_OF[Kind.DESKTOP]} desktop files, which open at most {OPENED} types together,"
        f" and {FILES_OF[Kind.MIME]} packages"
    ) in TEXT
    assert f"N times S at most {PIXELS};" in TEXT
    assert (
        f"more than {document.ELEMENTS} elements, {document.DEPTH} of them in one another,"
        f" {document.ATTRIBUTES} attributes"
    ) in section("All XML").replace("\n", " ")
    assert f"of {mime.TYPES} at most" in TEXT
    assert f"at most {mime.WEIGHT} |" in TEXT
    assert f"by them than {size.SIDE}," in TEXT.replace("\n", " ")
    assert f"{cost.COST} in all, and at most {cost.CHAIN} that" in TEXT
