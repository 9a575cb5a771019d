# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""bench/document: the results of a run go into the documents: tables between markers, plots as SVG files.

    bench/document DOCUMENT RESULT.json…

RESULT.json is what a benchmark printed with --json. In DOCUMENT what stands between `<!-- begin NAME -->` and
`<!-- end NAME -->`, where NAME is the program's, is replaced; plots are written beside it. A result without
markers in the document is named, and changes nothing.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shown.markdown import sections
from shown.plots import svg


def main() -> int:
    """Fill the document; 1 if a result had no place in it."""
    parser = argparse.ArgumentParser(prog="bench/document")
    parser.add_argument("document", type=Path)
    parser.add_argument("results", type=Path, nargs="+")
    options = parser.parse_args()
    text, homeless = options.document.read_text(), []
    for path in options.results:
        report = json.loads(path.read_bytes())
        new = filled(text, report)
        homeless += [] if new else [report["program"]]
        text = new or text
        if new:
            _write_plots(report, options.document.parent)
    options.document.write_text(text)
    for name in homeless:
        print(f"{name} has no place in {options.document}", file=sys.stderr)
    return int(bool(homeless))


def filled(text: str, report: Mapping[str, Any]) -> str | None:
    """The document with this report in its place; None where it has none."""
    begin, end = (f"<!-- {word} {report['program']} -->" for word in ("begin", "end"))
    before, found, rest = text.partition(begin)
    _old, ended, after = rest.partition(end)
    if not (found and ended):
        return None
    return f"{before}{begin}\n\n{_content(report)}\n\n{end}{after}"


def _content(report: Mapping[str, Any]) -> str:
    facts = ", ".join(f"{name} {value}" for name, value in report["facts"].items())
    machine = ", ".join(f"{name} {value}" for name, value in report["machine"].items())
    origin = f"`bench/{report['program']}`: {facts}. {machine}."
    pictures = [f"![{plot['title']}]({plot['name']}.svg)" for plot in _plots(report)]
    return "\n\n".join([origin, *sections(report), *pictures])


def _plots(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [section for section in report["sections"] if section["kind"] == "plot"]


def _write_plots(report: Mapping[str, Any], directory: Path) -> None:
    for plot in _plots(report):
        (directory / f"{plot['name']}.svg").write_text(svg(plot))


if __name__ == "__main__":
    sys.exit(main())
