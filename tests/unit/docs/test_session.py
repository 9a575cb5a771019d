# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""docs/session.svg: the words of the session that README.md has as text, and nothing that loads or runs."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

from record_session import session_of
from terminal_picture import picture

TOP = Path(__file__).resolve().parents[3]
SVG = "{http://www.w3.org/2000/svg}"


def test_the_picture_is_of_the_session_in_the_readme() -> None:
    root = ET.parse(TOP / "docs/session.svg").getroot()  # noqa: S314 - our own file
    drawn = ["".join(text.itertext()).rstrip() for text in root.iter(f"{SVG}text")]
    assert drawn == [line[4:] for line in session_of((TOP / "README.md").read_text()).splitlines()]


def test_nothing_in_a_picture_runs_or_comes_from_elsewhere() -> None:
    drawn = picture([[("$ ", "prompt"), ("<script>", "bold")], [("&a", ""), ("error:", "red")], []], "x<y")
    root = ET.fromstring(drawn)  # noqa: S314 - our own
    assert {element.tag.removeprefix(SVG) for element in root.iter()} == {
        "svg", "title", "style", "rect", "g", "text", "tspan",
    }  # fmt: skip
    assert not re.search(r"href|url\(|@import", drawn)
    assert ["".join(text.itertext()) for text in root.iter(f"{SVG}text")] == ["$ <script>", "&aerror:", ""]
