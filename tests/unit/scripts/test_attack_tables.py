# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The tables of docs/attacks.md, and that they claim no more than there is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from attack_tables import DOCUMENT, between, counted, grid, guards, lists, tallied

TOP = Path(__file__).resolve().parents[3]

NAMES = [
    "tests.attacks.test_liar_matrix::test_a_lie[file/layer/another's diffID/present/first]",
    "tests.attacks.test_liar_matrix::test_a_lie[file/layer/a hard link/present/after]",
    "tests.attacks.test_liar_matrix_native::test_a_lie[commit/delta/swapped/absent/first]",
    "tests/attacks/test_bad_input.py::test_an_unsigned_image",
    "tests/attacks/test_bad_input.py::test_a_path[/file/layer]",
    "tests/attacks/test_bad_input.py::test_a_path[b]",
]


def test_cases_are_counted_by_type_and_way_or_by_test() -> None:
    assert dict(tallied(NAMES)) == {
        ("file", "layer"): 2,
        ("commit", "delta"): 1,
        ("test_bad_input", "an unsigned image"): 1,
        ("test_bad_input", "a path"): 2,
    }


def test_what_is_written_reads_back() -> None:
    tally = tallied(NAMES)
    assert counted(grid(tally) + "\n\n" + lists(tally)) == tally


def test_only_what_stands_between_the_markers_changes() -> None:
    text = "a\n<!-- begin x -->\nold\n<!-- end x -->\nb\n"
    assert between(text, "x", "new") == "a\n<!-- begin x -->\n\nnew\n\n<!-- end x -->\nb\n"
    with pytest.raises(ValueError, match="markers"):
        between(text, "y", "new")


def test_guards_are_counted_by_directory() -> None:
    table = (
        "| `f: a \\| b` | trust/x.py | `t` |\n| `g: c` | trust/y.py | **none** |\n| `h: d` | z.py | `t` |\n"
    )
    assert "| trust | 2 | 1 |\n| z.py | 1 | 1 |\n| **all** | 3 | 2 |" in guards(table)


def test_the_document_claims_no_more_than_there_is() -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "--assert=plain", "tests/attacks"]
    environment = {**os.environ, "APPCTL_SLICE": ""}  # all of it, whatever is tried now
    done = subprocess.run(command, cwd=TOP, env=environment, capture_output=True, text=True, check=False)
    there = tallied(line for line in done.stdout.splitlines() if "::" in line)
    claimed = counted(DOCUMENT.read_text())
    assert claimed.total() > 200
    assert {cell: number for cell, number in claimed.items() if number > there[cell]} == {}
