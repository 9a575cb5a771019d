# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""docs/rules.md: the sections that the code cites are there."""

import re
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
CITATION = re.compile(r'docs/rules\.md, "([^"]+)"')


def test_every_section_that_is_cited_is_there() -> None:
    cited = {
        section
        for room in ("daemon", "client")
        for file in (TOP / room).rglob("*.py")
        for section in CITATION.findall(file.read_text())
    }
    there = set(re.findall(r"^## (.+)$", (TOP / "docs/rules.md").read_text(), re.MULTILINE))
    assert len(cited) > 5
    assert cited <= there
