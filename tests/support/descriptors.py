# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a process leaves behind: open descriptors and children, counted in /proc."""

import contextlib
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


def children() -> set[int]:
    """The processes that this one started and did not reap."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that has ended
            found.update(map(int, (task / "children").read_text().split()))
    return found


def descendants(process: int) -> list[int]:
    """Return the processes that come from one, nearest first."""
    try:
        tasks = list(Path(f"/proc/{process}/task").iterdir())
        near = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except FileNotFoundError:
        return []
    return [*near, *(far for child in near for far in descendants(child))]
