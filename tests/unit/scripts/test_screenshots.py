# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The pictures of documents: all that scripts/screenshots takes and no others, small, and each is shown."""

from pathlib import Path

import pytest

from screenshots import SHOWN, WINDOW

TOP = Path(__file__).resolve().parents[3]
PICTURES = sorted((TOP / "docs/screenshots").iterdir())
LARGEST = 100 * 1024


def test_they_are_those_of_the_script() -> None:
    assert [picture.name for picture in PICTURES] == sorted(
        f"{name}.png" for name in (*SHOWN.values(), WINDOW)
    )


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.stem)
def test_each_is_small_and_shown(picture: Path) -> None:
    data = picture.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(data) <= LARGEST
    document = "publishing" if picture.stem == WINDOW else "software-centers"
    assert f"(screenshots/{picture.name})" in (TOP / f"docs/{document}.md").read_text()
