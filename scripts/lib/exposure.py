# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What `systemd-analyze security` holds against a unit, beside the reason for each point.

    exposure.py UNIT REASONS            UNIT: of the system that runs; REASONS: systemd/exposure.txt
    exposure.py --write DOCUMENT        of the units in systemd/, unstarted, into the document's tables

Prints a table, the total last. Exit code 1 when a point has no reason; with nothing but the standard library.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SYSTEMD = Path(__file__).resolve().parents[2] / "systemd"


@dataclass(frozen=True)
class Point:
    """One setting that a unit has not; `field` is systemd's word for it, `exposure` what it costs."""

    field: str
    setting: str
    exposure: str
    reason: str = ""


def main(*arguments: str) -> int:
    """Do one of the two."""
    if arguments[0] == "--write":
        return _write(Path(arguments[1]))
    unit, reasons = arguments
    return _check(unit, read_reasons(Path(reasons).read_text()))


def _check(unit: str, reasons: dict[str, str]) -> int:
    found = points(unit, reasons)
    for point in found:
        print(f"{point.exposure:>6}  {point.setting:<42} {point.reason or '(no reason given)'}")
    print(f"{total(unit):>6}  in all")
    unexplained = [point.setting for point in found if not point.reason]
    if unexplained:
        print(f"without a reason: {', '.join(unexplained)}")
    return bool(unexplained)


def _write(document: Path) -> int:
    from attack_tables import between  # noqa: PLC0415 - not in the booted system

    reasons = read_reasons((SYSTEMD / "exposure.txt").read_text())
    units = sorted(SYSTEMD.glob("*.service"))
    found = points(SYSTEMD / "appctl.service", reasons)
    text = between(document.read_text(), "units", "\n".join(_unit_rows(units)))
    document.write_text(between(text, "points", "\n".join(_point_rows(found))))
    return not all(point.reason for point in found)


def _unit_rows(units: list[Path]) -> Iterator[str]:
    yield "| unit | exposure |"
    yield "|---|---|"
    for unit in units:
        yield f"| `{unit.name}` | {total(unit)} |"


def _point_rows(found: list[Point]) -> Iterator[str]:
    yield "| exposure | setting | why it stays |"
    yield "|---|---|---|"
    for point in found:
        setting = point.setting.replace("|", "\\|").replace("…", "...")
        yield f"| {point.exposure} | `{setting}` | {point.reason} |"


def points(unit: str | Path, reasons: dict[str, str]) -> list[Point]:
    """What is held against a unit, what costs most first; a path is a unit that need not run."""
    held = [entry for entry in json.loads(_analyzed(unit, "--json=short")) if entry["exposure"]]
    held.sort(key=lambda entry: (-float(entry["exposure"]), entry["name"]))
    return [
        Point(entry["json_field"], entry["name"], entry["exposure"], reasons.get(entry["json_field"], ""))
        for entry in held
    ]


def total(unit: str | Path) -> float:
    """The sum, as systemd rounds it."""
    return float(_analyzed(unit).rstrip().rpartition(": ")[2].split()[0])


def read_reasons(text: str) -> dict[str, str]:
    """The file's two columns."""
    lines = [line.split(None, 1) for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return {field: reason for field, reason in lines}  # noqa: C416 - two columns each, or it is an error


def _analyzed(unit: str | Path, *options: str) -> str:
    offline = ("--offline=true",) if isinstance(unit, Path) else ()
    command = ["systemd-analyze", "security", "--no-pager", *offline, *options, str(unit)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
