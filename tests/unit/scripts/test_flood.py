# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a flood is judged by, and how it is shown."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from flood import GOAL_MS, MARKER, MEMORY_BYTES, failures, misses, table, write
from flooding.campaign import Stood

QUIET = Stood("calls", 1.0, {"sent": 100}, (1.0,) * 99 + (2.0,), (0.5,), 20 << 20, 30 << 20, 25 << 20, 0)


def test_a_daemon_that_stands_it_is_no_failure() -> None:
    assert failures("dbus-next", [QUIET]) == []
    assert misses({"dbus-next": [QUIET], "dbus-fast": [QUIET]}) == []


def test_memory_and_descriptors_are_bounded_with_either_library() -> None:
    (found,) = failures("dbus-next", [replace(QUIET, peak=MEMORY_BYTES + 1)])
    assert "calls: the daemon took 128 MiB" in found
    (found,) = failures("dbus-fast", [replace(QUIET, descriptors=2)])
    assert "2 descriptors" in found


def test_one_call_in_a_hundred_may_take_longer_on_one_library() -> None:
    slow = replace(QUIET, daemon=(1.0,) * 98 + (GOAL_MS, GOAL_MS))
    assert misses({"dbus-next": [slow]}) == []
    assert len(misses({"dbus-fast": [slow]})) == 1
    assert misses({"dbus-fast": [replace(QUIET, daemon=(1.0,) * 100 + (GOAL_MS,))]}) == []


def test_the_libraries_stand_side_by_side() -> None:
    shown = table({"dbus-next": [QUIET], "dbus-fast": [replace(QUIET, peak=40 << 20)]}).splitlines()
    assert (
        "| calls | 100 | 1.0 | 2.0 | 2.0 | 0.5 | 20 / 30 / 25 | 1.0 | 2.0 | 2.0 | 0.5 | 20 / 40 / 25 |"
        in shown
    )


def test_what_stands_around_the_table_stays(tmp_path: Path) -> None:
    document = tmp_path / "flood.md"
    begin, end = f"<!-- begin {MARKER} -->", f"<!-- end {MARKER} -->"
    document.write_text(f"before\n{begin}\nan older and much longer table, which goes\n{end}\nafter\n")
    write(os.open(document, os.O_RDWR), "| new |")
    assert document.read_text() == f"before\n{begin}\n\n| new |\n\n{end}\nafter\n"


def test_a_document_without_its_markers_stays_as_it_is(tmp_path: Path) -> None:
    document = tmp_path / "flood.md"
    document.write_text("what somebody wrote\n")
    with pytest.raises(ValueError, match="markers of 'flood'"):
        write(os.open(document, os.O_RDWR), "| new |")
    assert document.read_text() == "what somebody wrote\n"
