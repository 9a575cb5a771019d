# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Floods the daemon with either D-Bus library, and says what others saw of it; does scripts/flood's work.

Guarantees: exit code 1 where a daemon did not stand it, where its memory or its descriptors were not bounded,
and, but for --short, where the goal was missed: 99 of 100 calls of others within 100 ms on dbus-fast. The
table of docs/flood.md is what a full run printed.
"""

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from attack_tables import between
from flooding.attacks import CALLS, CLIENTS, SIGNALS
from flooding.campaign import LIBRARIES, Stood, campaign

SHORT = 0.02  # of the numbers of a full run
GOAL_MS = 100.0  # what a person takes for at once
GOAL_LIBRARY = "dbus-fast"  # dbus-next has none: it reads what comes in Python
MEMORY_BYTES = 128 << 20  # of the daemon at its worst: several times what it takes at rest
MARKER = "flood"
P99 = 0.99
MEASURED = ("median ms", "p99 ms", "longest ms", "the bus's p99 ms", "PSS MiB before / peak / after")
Results = Mapping[str, Sequence[Stood]]


def main() -> int:
    """Flood, print, judge."""
    parser = argparse.ArgumentParser(prog="flood")
    parser.add_argument("--short", action="store_true", help="a sample, within half a minute")
    parser.add_argument("--only", choices=[*LIBRARIES], help="one library")
    parser.add_argument("--document-fd", type=int, help="docs/flood.md, open for reading and writing")
    asked = parser.parse_args()
    share = SHORT if asked.short else 1.0
    libraries = [asked.only] if asked.only else [*LIBRARIES]
    results = {library: _flooded(library, share) for library in libraries}
    text = table(results)
    print(text)
    if asked.document_fd is not None:
        write(asked.document_fd, text)
    failed = [each for library in results for each in failures(library, results[library])]
    missed = [] if asked.short else misses(results)
    for line in failed + missed:
        print(line, file=sys.stderr)
    return int(bool(failed or missed))


def _flooded(library: str, share: float) -> list[Stood]:
    found = []
    with tempfile.TemporaryDirectory(prefix="flood.") as directory:
        for stood in campaign(Path(directory) / "machine", library, share):
            print(f"{library}: {stood.kind} {stood.seen} {stood.seconds:.1f} s", file=sys.stderr, flush=True)
            found.append(stood)
    return found


def failures(library: str, rows: Sequence[Stood]) -> list[str]:
    """What may not be, whatever the machine."""
    found = []
    for row in rows:
        if row.peak > MEMORY_BYTES:
            found.append(f"{library}, {row.kind}: the daemon took {_mib(row.peak)} MiB")
        if row.descriptors > 0:
            found.append(f"{library}, {row.kind}: {row.descriptors} descriptors were left open")
    return found


def misses(results: Results) -> list[str]:
    """Where the goal was missed."""
    return [
        f"{GOAL_LIBRARY}, {row.kind}: 99 of 100 calls of others took up to {within(row.daemon, P99):.0f} ms"
        for row in results.get(GOAL_LIBRARY, ())
        if within(row.daemon, P99) >= GOAL_MS
    ]


def within(times: Sequence[float], part: float) -> float:
    """The time that this part of all stays within."""
    return sorted(times)[min(len(times) - 1, int(len(times) * part))]


def table(results: Results) -> str:
    """The results side by side, as Markdown."""
    facts: dict[str, object] = {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "kernel": platform.release(),
    }
    facts |= {"python": platform.python_version(), "load": round(os.getloadavg()[0], 1)}
    origin = f"`scripts/flood`: clients {CLIENTS}, calls {CALLS}, signals {SIGNALS}. "
    origin += ", ".join(f"{name} {value}" for name, value in facts.items()) + "."
    columns = ["", "sent", *(f"{library}: {what}" for library in results for what in MEASURED)]
    rows = [_line(kinds) for kinds in zip(*results.values(), strict=True)]
    lines = [f"| {' | '.join(columns)} |", "| --- |" + " ---: |" * (len(columns) - 1), *rows]
    return "\n\n".join((origin, "\n".join(lines)))


def _line(rows: Sequence[Stood]) -> str:
    """One kind, with each library."""
    cells = [rows[0].kind, str(rows[0].seen.get("sent", ""))]
    for row in rows:
        times = [within(row.daemon, part) for part in (0.5, P99, 1.0)]
        cells += [f"{value:.1f}" for value in (*times, within(row.bus, P99))]
        cells.append(" / ".join(str(_mib(value)) for value in (row.before, row.peak, row.after)))
    return f"| {' | '.join(cells)} |"


def _mib(value: int) -> int:
    return round(value / (1 << 20))


def write(number: int, text: str) -> None:
    """Put the tables between the document's markers. Raises ValueError where they are not."""
    with os.fdopen(number, "r+") as document:
        whole = between(document.read(), MARKER, text)
        document.seek(0)
        document.write(whole)
        document.truncate()


if __name__ == "__main__":
    sys.exit(main())
