# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a process leaves behind: open descriptors and children, counted in /proc."""

import contextlib
import os
from pathlib import Path


def open_descriptors() -> dict[str, str]:
    """Every open descriptor of this process and what it is; the one that lists them is left out."""
    found: dict[str, str] = {}
    for path in Path("/proc/self/fd").iterdir():
        try:
            found[path.name] = str(path.readlink())
        except FileNotFoundError:
            continue
    return found


def gone(pid: int) -> bool:
    """Whether no such process is left, not even a zombie."""
    return not Path(f"/proc/{pid}").exists()


def children(process: int | None = None) -> set[int]:
    """The processes that this one, or another, started and did not reap; none of one that is gone."""
    found: set[int] = set()
    for path in Path(f"/proc/{process or os.getpid()}/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that has ended by now
            found |= {*map(int, path.read_text().split())}
    return found


def descendants(process: int) -> list[int]:
    """Return the processes that come from one, nearest first."""
    near = children(process)
    return [*near, *(far for child in near for far in descendants(child))]
