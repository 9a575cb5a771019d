# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What the documents name in this repository is there: the tests that show something, and each other."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[3]
DOCUMENTS = sorted(
    [*TOP.glob("*.md"), *TOP.glob("docs/**/*.md"), *TOP.glob("tests/**/*.md"), *TOP.glob("bench/*.md")]
)
NAMED = re.compile(r"`((?:tests|scripts|docs|bench|daemon|client|data)/[\w./-]+)")
LINKED = re.compile(r"\]\(([^)#\s]+)|^\[[\w-]+\]: (\S+)", re.MULTILINE)


def named(document: Path) -> Iterator[Path]:
    """Everything in the repository that a document names."""
    text = document.read_text()
    yield from (TOP / path.rstrip(".") for path in NAMED.findall(text))
    for inline, below in LINKED.findall(text):
        if "://" not in (link := inline or below):
            yield document.parent / link


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(TOP)))
def test_what_it_names_is_there(document: Path) -> None:
    assert [str(path) for path in named(document) if not path.exists()] == []


def test_tests_are_named() -> None:
    found = {path.name for path in named(TOP / "docs/formats.md")}
    assert {"test_golden_images.py", "test_derived.py"} & found == {"test_golden_images.py"}
    assert sum(name.startswith("test_") for name in found) > 10
