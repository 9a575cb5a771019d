# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a program gets that asks for no size is bounded, whatever the size is told by."""

import pytest

from appctld.workers.store.exports.exporter import Refused
from appctld.workers.store.exports.icons.drawing.size import SIDE, check_size, is_relative

LARGE = [
    (f"{SIDE + 1}", "1", ""),
    ("1", f"{SIDE + 1}px", ""),
    ("200in", "1", ""),
    ("1", "110cm", ""),
    ("1100mm", "1", ""),
    ("1", "3100pt", ""),
    ("257pc", "1", ""),
    (None, None, "0 0 20000 1"),
    (None, None, "0,0,1,20000"),
    ("100", None, "0 0 1 300"),
    (None, "100", "0 0 300 1"),
]
UNKNOWN = [
    (None, None, ""),
    ("16", None, ""),
    (None, "16", ""),
    ("1e9", "1", ""),
    ("-1", "1", ""),
    ("nan", "1", ""),
    ("1", "1em", ""),
    (None, None, "0 0 1e9 1"),
    (None, None, "0 0 0 16"),
    (None, None, "0 0 16 0"),
    (None, None, "0 0 -16 16"),
    (None, None, "0 0 16"),
    (None, None, "0 0 16 16 16"),
]
RIGHT = [
    (str(SIDE), str(SIDE), ""),
    ("42in", "100cm", "0 0 1e9 1e9"),
    (".5", "16.", ""),
    (None, None, f"-8 +8.5 {SIDE} {SIDE}"),
    (None, None, " 0,0, 135.466666666666666 .5 "),
    ("100", None, "0 0 1 40"),
    (None, "100", "0 0 40 1"),
]


@pytest.mark.parametrize(("width", "height", "box"), LARGE + UNKNOWN)
def test_a_drawing_that_is_too_large_or_of_no_size_is_refused(
    width: str | None, height: str | None, box: str
) -> None:
    with pytest.raises(Refused):
        check_size(width, height, box)


@pytest.mark.parametrize(("width", "height", "box"), RIGHT)
def test_one_of_a_size_is_not(width: str | None, height: str | None, box: str) -> None:
    check_size(width, height, box)


def test_some_units_depend_on_others() -> None:
    assert all(map(is_relative, ("100%", "1.5em", ".5ex")))
    assert not any(map(is_relative, ("100", "1px", "em", "", "%")))
