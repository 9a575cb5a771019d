# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The options that every benchmark has, and the places in which it measures."""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

PLACES = (Path("/dev/shm"), Path("/var/tmp"))  # noqa: S108 - a tmpfs, and what lies on a disk on nearly every machine


def parser(program: str, document: str | None, *, runs: int = 5) -> argparse.ArgumentParser:
    """A parser with --small, --runs, --at, --json and --report; a program adds its own."""
    made = argparse.ArgumentParser(prog=f"bench/{program}", description=(document or "").partition("\n")[0])
    made.add_argument(
        "--small", action="store_true", help="a small input, to see that it works; no goal counts"
    )
    made.add_argument("--runs", type=int, default=runs)
    made.add_argument("--at", type=Path, action="append", help=f"where to measure (default: {_names()})")
    made.add_argument("--json", action="store_true", help="print JSON, every run in it")
    made.add_argument("--report", action="store_true", help="end with 0 although a goal is missed")
    return made


@dataclass(frozen=True)
class Where:
    """A place, and what it is called in a table."""

    path: Path
    name: str


def places(options: argparse.Namespace) -> list[Where]:
    """The places that were asked for, with the type of their file system."""
    asked: list[Path] = options.at or list(PLACES[:1] if options.small else PLACES)
    return [Where(path, f"{_file_system(path)} ({path})") for path in asked]


def lenient(options: argparse.Namespace) -> bool:
    """Whether a missed goal is no failure."""
    return bool(options.report or options.small)


def _names() -> str:
    return ", ".join(map(str, PLACES))


def _file_system(path: Path) -> str:
    """The type of the mount with the longest matching path (proc(5), mountinfo)."""
    mounts = [line.split(" - ") for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    here = os.path.realpath(path)
    points = {left.split()[4]: right.split()[0] for left, right in mounts}
    under = [point for point in points if here == point or here.startswith(point.rstrip("/") + "/")]
    return points[max(under, key=len)]
