# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The table of scripts/fault-injection."""

from collections import Counter

from fault_injection import INSIDE, Row, markdown
from support.ordeals.deeds import DEEDS
from support.ordeals.moments import spread


def test_a_row_says_how_often_and_what_was_told() -> None:
    rows = {
        ("update: store deploy", "killed"): Row(3, Counter({"NoSpace": 1, "Failed": 1}), 1),
        ("install: fetch blob", "misbehaves"): Row(2, Counter({"Failed": 2}), 0),
    }
    assert markdown(rows).splitlines()[2:] == [
        "| install: fetch blob | misbehaves | 2 | Failed 2 | 0 |",
        "| update: store deploy | killed | 3 | Failed 1, NoSpace 1 | 1 |",
        "| **all** | | 5 | | 1 |",
    ]


def test_what_is_stopped_inside_of_its_work_is_in_the_matrix() -> None:
    assert all(request in DEEDS[deed].requests for deed, request in INSIDE)


def test_moments_are_spread_over_all_that_there_are() -> None:
    assert spread("", 3) == []
    assert spread("0123456789", 4) == ["0", "3", "6", "9"]
    assert spread("01", 4) == ["0", "1"]
