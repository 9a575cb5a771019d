# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""support/campaigns.py: slices that come one after the other try everything, each test once."""

from pathlib import Path

from support.campaigns import PARTS, is_tried

TOP = Path(__file__).parents[3]


def test_every_campaign_is_there() -> None:
    assert [name for name in PARTS if not (TOP / name).is_file()] == []


def test_slices_in_a_row_try_everything_once() -> None:
    for name, parts in PARTS.items():
        for test in (f"{name}::test_{number}[x]" for number in range(50)):
            assert sum(is_tried(test, first) for first in range(1000, 1000 + parts)) == 1


def test_no_slice_of_a_campaign_is_empty() -> None:
    for name, parts in PARTS.items():
        tests = [f"{name}::test_{number}" for number in range(200)]
        assert all(any(is_tried(test, number) for test in tests) for number in range(parts))


def test_what_is_no_campaign_is_always_tried() -> None:
    assert all(is_tried("tests/unit/model/test_digest.py::test_any", number) for number in range(10))
