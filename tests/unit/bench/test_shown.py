# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""How results look, and how they get into the documents."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from measure.report import Report
from shown.filled import filled
from shown.plots import bars, lines, svg

TOP = Path(__file__).resolve().parents[3]
SVG = "{http://www.w3.org/2000/svg}"
LINES = lines("x", "a < b", ("layers", "seconds"), {"one": [(1, 0.5), (4, 2)], "other": [(1, 0), (4, 0)]})
BARS = bars("x", "shares", "seconds", ("hash", "rest"), {"ours": [1, 2], "theirs": [0.5, 6]})


def _report(program: str = "x") -> dict[str, Any]:
    report = Report(program, {"runs": 3})
    report.add_table("A table", ["what", "s"], [["one", 0.12345], ["two", 3]])
    report.add_plot(BARS)
    return report.to_json()


@pytest.mark.parametrize("plot", [LINES, BARS], ids=["lines", "bars"])
def test_a_plot_is_a_picture_with_its_words_in_it(plot: dict[str, Any]) -> None:
    root = ET.fromstring(svg(plot))  # noqa: S314 - our own
    words = {element.text for element in root.iter(f"{SVG}text")}
    assert {plot["title"], *plot["axes"], *(plot.get("parts") or plot["series"])} <= words
    assert "prefers-color-scheme:dark" in svg(plot)


def test_a_line_has_a_point_for_each_number_inside_of_the_picture() -> None:
    points = list(ET.fromstring(svg(LINES)).iter(f"{SVG}circle"))  # noqa: S314
    assert len(points) == 4
    assert all(
        0 <= float(point.attrib["cx"]) <= 720 and 0 <= float(point.attrib["cy"]) <= 400 for point in points
    )


def test_a_stack_is_as_long_as_its_numbers_together() -> None:
    boxes = [float(box.attrib["width"]) for box in ET.fromstring(svg(BARS)).iter(f"{SVG}rect")]  # noqa: S314
    ours, theirs = sum(boxes[:2]), sum(boxes[2:4])
    assert theirs / ours == pytest.approx(6.5 / 3, rel=0.01)


def test_only_what_is_between_the_markers_changes() -> None:
    text = "a\n<!-- begin x -->\nold\n<!-- end x -->\nb\n"
    new = filled(text, _report())
    assert new is not None
    assert new.startswith("a\n<!-- begin x -->")
    assert new.endswith("<!-- end x -->\nb\n")
    assert "old" not in new
    assert "| one | 0.123 |" in new
    assert "![shares](x.svg)" in new
    assert "`bench/x`: runs 3" in new
    assert filled(new, _report()) == new


def test_a_report_without_a_place_is_named_and_changes_nothing(tmp_path: Path) -> None:
    document, result = tmp_path / "document.md", tmp_path / "result.json"
    document.write_text("nothing\n")
    result.write_text(json.dumps(_report("stranger")))
    command = [sys.executable, "-m", "shown.filled", str(document), str(result)]
    done = subprocess.run(command, cwd=TOP / "bench/lib", capture_output=True, text=True, check=False)
    assert (done.returncode, document.read_text()) == (1, "nothing\n")
    assert "stranger" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["document.md", "result.json"]


def test_plots_are_written_beside_the_document(tmp_path: Path) -> None:
    document, result = tmp_path / "document.md", tmp_path / "result.json"
    document.write_text("<!-- begin x -->\n<!-- end x -->\n")
    result.write_text(json.dumps(_report()))
    command = [sys.executable, "-m", "shown.filled", str(document), str(result)]
    subprocess.run(command, cwd=TOP / "bench/lib", check=True)
    assert (tmp_path / "x.svg").read_text() == svg(BARS)


@pytest.mark.parametrize("document", ["performance.md", "measurements.md"])
def test_every_marker_is_of_a_program(document: str) -> None:
    text = (TOP / "docs" / document).read_text()
    names = [line.split()[2] for line in text.splitlines() if line.startswith("<!-- begin ")]
    assert names
    assert all((TOP / "bench" / name).exists() and f"<!-- end {name} -->" in text for name in names)
