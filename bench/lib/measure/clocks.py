# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What processes that live have taken until now: the kernel's CPU clock of each, which anybody may ask."""

import time
from pathlib import Path

_SCHED = 2  # CPUCLOCK_SCHED of clock_getcpuclockid(3): user and system time, in nanoseconds


def clock(pid: int) -> float:
    """CPU seconds so far of one process, without its children; none of one that is gone."""
    try:
        return time.clock_gettime(~pid << 3 | _SCHED)
    except OSError:
        return 0.0


def children(pid: int | str) -> set[int]:
    """Those that live, or were not waited for."""
    try:
        tasks = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:  # it ended meanwhile
        return set()
    return {int(child) for task in tasks for child in task.split()}


def descendants(pid: int | str) -> set[int]:
    """The same, and theirs."""
    found = children(pid)
    return found.union(*map(descendants, found))
