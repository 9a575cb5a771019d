# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Removes one guard at a time and looks for the test that turns red; the inner part of scripts/mutate-guards.

Guarantees: the checkout is only read. The exit code is 0 only if every guard that was tried is held by a test
that is green while the guard is there. A guard whose removal changes nothing that anybody could see stands,
with its reason, in equivalent_guards.txt; an entry there that names no guard is an error.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from guards.guard import Guard
from guards.scope import all_guards, sample, test_files
from guards.table import markdown
from guards.trial import mirrors, room
from guards.work import Result, try_all

TOP = Path(__file__).resolve().parents[2]
EQUIVALENT = Path(__file__).with_name("equivalent_guards.txt")


def main() -> int:
    """Do what the arguments say; the exit code."""
    asked = _arguments()
    guards, equivalent = all_guards(TOP), read_equivalent(EQUIVALENT.read_text())
    unknown = equivalent.keys() - {guard.name for guard in guards}
    if unknown:
        print(*(f"error: {EQUIVALENT.name} names no guard: {name}" for name in sorted(unknown)), sep="\n")
        return 1
    wanted = [
        guard
        for guard in guards
        if guard.name not in equivalent and any(text in guard.name for text in asked.only or [""])
    ]
    if asked.list:
        print(*(guard.name for guard in wanted), sep="\n")
        return 0
    return _try(asked, sample(wanted) if asked.short else wanted, equivalent)


def read_equivalent(text: str) -> dict[str, str]:
    """Names and reasons: two lines each, comments and empty lines between them."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if len(lines) % 2:
        raise ValueError(f"{EQUIVALENT.name}: a guard without a reason")
    return dict(zip(lines[::2], lines[1::2], strict=True))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mutate-guards", description="Remove guards, one at a time.")
    parser.add_argument("--list", action="store_true", help="print the names of the guards, and do nothing")
    parser.add_argument(
        "--only", action="append", metavar="TEXT", help="only guards whose name holds this (or the next)"
    )
    parser.add_argument("--short", action="store_true", help="a fixed sample, within a minute")
    parser.add_argument(
        "--narrow",
        action="store_true",
        help="only a guard's nearest tests",
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="copies side by side")
    parser.add_argument("--table-fd", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def _try(asked: argparse.Namespace, guards: Sequence[Guard], equivalent: dict[str, str]) -> int:
    started = time.monotonic()
    results, red = try_all(TOP, guards, _tests(asked, guards), _report, jobs=asked.jobs, narrow=asked.narrow)
    if asked.table_fd is not None:
        with os.fdopen(asked.table_fd, "w") as table:
            table.write(markdown(results, equivalent))
    lost = sum(result.red is None for result in results)
    print(f"{len(results) - lost} of {len(results)} guards are held ({time.monotonic() - started:.0f} s)")
    for test in red:
        print(f"error: red while every guard is there: {test}")
    return 1 if lost or red or not results else 0


def _tests(asked: argparse.Namespace, guards: Sequence[Guard]) -> list[str]:
    """Test files that may notice: all in scope, those of the rooms asked for, or the nearest."""
    near = {test for guard in guards for test in mirrors(TOP, guard.file)}
    if asked.short or (asked.only and asked.narrow):
        return sorted(near)
    if asked.only:
        return sorted(near.union(*(room(TOP, guard.file) for guard in guards)))
    return test_files(TOP)


def _report(result: Result) -> None:
    print(f"{result.guard.name} | {result.red or 'NO TEST TURNED RED'}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
