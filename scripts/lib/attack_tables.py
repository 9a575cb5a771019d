# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What the attack tests showed, counted, as the tables of docs/attacks.md; does scripts/attack-tables' work.

Guarantees: only what passed is counted; text outside the markers stays as it was. `counted` reads the numbers
of a document back, so that a test can hold them against what there is.

Tests of the liar matrix are named `[TYPE/WAY/LIE…]` and make a grid, others are counted by test function.
"""

import argparse
import re
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/attacks.md"
LIAR = "test_liar_matrix"
TYPES = ("file", "symlink", "dirtree", "dirmeta", "commit", "commitmeta", "tombstone-commit", "union")
WAYS = ("layer", "merge", "deploy", "adopt", "planted", "quarantine", "delta", "local")
Cell = tuple[str, str]  # of the grid a type and a way; else a module and a theme
_ROW = re.compile(r"\| \*\*(.+?)\*\* \|(.*)\|")
_THEME = re.compile(r"- (.+): (\d+)")
_HEADING = re.compile(r"### `(.+)\.py`")


def main() -> int:
    """Write the tables; the exit code."""
    parser = argparse.ArgumentParser(prog="attack-tables")
    parser.add_argument("results", type=Path)
    parser.add_argument("--guards", type=Path)
    asked = parser.parse_args()
    cases = ET.parse(asked.results).iter("testcase")  # noqa: S314 - pytest's own file, written just now
    tally = tallied(f"{case.get('classname')}::{case.get('name')}" for case in cases if not len(case))
    text = DOCUMENT.read_text()
    text = between(text, "liar matrix", grid(tally))
    text = between(text, "other matrices", lists(tally))
    if asked.guards:
        text = between(text, "guards", guards(asked.guards.read_text()))
    DOCUMENT.write_text(text)
    return 0


def tallied(names: Iterable[str]) -> Counter[Cell]:
    """Count tests named `….MODULE::TEST[PARAMETERS]`, or with a path for the module."""
    tally: Counter[Cell] = Counter()
    for name in names:
        place, _, test = name.partition("::")
        module = PurePath(place).stem if "/" in place else place.rpartition(".")[2]
        function, _, parameters = test.partition("[")
        about, _, rest = parameters.partition("/")
        way = rest.partition("/")[0]
        if module.startswith(LIAR) and about in TYPES and way in WAYS:
            tally[about, way] += 1
        else:
            tally[module, function.removeprefix("test_").replace("_", " ")] += 1
    return tally


def grid(tally: Mapping[Cell, int]) -> str:
    """The liar matrix: type of object by way in."""
    lines = ["| | " + " | ".join(WAYS) + " |", "|---|" + "---|" * len(WAYS)]
    for about in TYPES:
        cells = " | ".join(str(tally.get((about, way), 0) or "-") for way in WAYS)
        lines.append(f"| **{about}** | {cells} |")
    total = sum(tally.get((about, way), 0) for about in TYPES for way in WAYS)
    return "\n".join([*lines, "", f"{total} lies; none was believed."])


def lists(tally: Mapping[Cell, int]) -> str:
    """Every other module: its themes, and how many attacks each has."""
    modules: dict[str, list[str]] = {}
    for (module, theme), number in sorted(tally.items()):
        if module not in TYPES:
            modules.setdefault(module, []).append(f"- {theme}: {number}")
    parts = [f"### `{module}.py`\n\n" + "\n".join(themes) for module, themes in modules.items()]
    return "\n\n".join(parts)


def guards(table: str) -> str:
    """The table of scripts/mutate-guards, counted by directory."""
    tried: Counter[str] = Counter()
    held: Counter[str] = Counter()
    for line in table.splitlines():
        cells = re.split(r"(?<!\\)\|", line)
        if len(cells) == 5 and cells[2].strip().endswith(".py"):  # noqa: PLR2004 - the table's three columns
            file = PurePath(cells[2].strip())
            room = str(file.parent if len(file.parts) > 1 else file)
            tried[room] += 1
            held[room] += "**none**" not in cells[3]
    rows = [f"| {room} | {tried[room]} | {held[room]} |" for room in sorted(tried)]
    total = f"| **all** | {tried.total()} | {held.total()} |"
    return "\n".join(["| | guards removed | a test turned red |", "|---|---|---|", *rows, total])


def between(text: str, marker: str, table: str) -> str:
    """Put a table between its markers. Raises ValueError where they are not."""
    begin, end = f"<!-- begin {marker} -->\n", f"<!-- end {marker} -->"
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"no markers of {marker!r}")
    return f"{before}{begin}\n{table}\n\n{end}{after}"


def counted(text: str) -> Counter[Cell]:
    """The numbers that a document claims."""
    claimed: Counter[Cell] = Counter()
    module = ""
    for line in text.splitlines():
        if (heading := _HEADING.match(line)) is not None:
            module = heading[1]
        elif (row := _ROW.match(line)) is not None and row[1] in TYPES:
            numbers = (cell.strip() for cell in row[2].split("|"))
            claimed |= {
                (row[1], way): int(number)
                for way, number in zip(WAYS, numbers, strict=True)
                if number.isdecimal()
            }
        elif module and (theme := _THEME.match(line)) is not None:
            claimed[module, theme[1]] = int(theme[2])
    return claimed


if __name__ == "__main__":
    sys.exit(main())
