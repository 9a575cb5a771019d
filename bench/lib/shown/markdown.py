# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A benchmark's JSON as Markdown: for the terminal, and for the documents that bench/document fills.

Pure: the same JSON gives the same text.
"""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def document(report: Mapping[str, Any]) -> str:
    """Everything but the plots, below a heading."""
    facts = ", ".join(f"{name} {value}" for name, value in report["facts"].items())
    return "\n\n".join([f"## bench/{report['program']}: {facts}", *sections(report)])


def sections(report: Mapping[str, Any]) -> Iterable[str]:
    """Each section's text."""
    shapes = {"costs": _costs, "table": _table}
    return [shapes[each["kind"]](each) for each in report["sections"] if each["kind"] in shapes]


def _costs(section: Mapping[str, Any]) -> str:
    table = _grid(["seconds", "wall, min", "median", "CPU, min", "median"], map(_numbers, section["rows"]))
    judged = "\n".join(f"- {_judged(one)}" for one in section["judged"])
    parts = [f"### {section['title']}", table if section["rows"] else "", judged]
    return "\n\n".join(filter(None, parts))


def _numbers(row: Mapping[str, Any]) -> list[str]:
    columns = [[cost[what] for cost in row["costs"]] for what in ("wall", "cpu")]
    numbers = [number for column in columns for number in (min(column), statistics.median(column))]
    return [row["name"], *(f"{number:.3f}" for number in numbers)]


def _judged(one: Mapping[str, Any]) -> str:
    verdict = "missed" if one["missed"] else "met"
    goal = "" if one["limit"] is None else f" (goal {one['limit']:g}: {verdict})"
    if "what" in one:
        return f"{one['what']}: {one['value']:g} {one['unit']}{goal}"
    cpu = "" if one["cpu"] is None else f"; CPU {one['cpu']:.2f}"
    return f"{one['subject']} / {one['yardstick']}: {one['wall']:.2f}{goal}{cpu}"


def _table(section: Mapping[str, Any]) -> str:
    return f"### {section['title']}\n\n{_grid(section['columns'], section['rows'])}"


def _grid(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
