# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The real daemon, which notes what a worker had taken when it ends one.

    python -m measure.ended FILE --user

A job ends the workers that it kept, and with them their PID namespaces: what dies so is waited for by nobody,
and its CPU time is in nobody's account. Each line of FILE is that of one worker, in seconds.
"""

import sys
from asyncio.subprocess import Process
from pathlib import Path

from appctld.__main__ import main
from appctld.system import child
from measure.clocks import children, clock, descendants


def note_what_is_ended(file: Path) -> None:
    """From now on, in this process."""
    stop = child._stop  # noqa: SLF001 - the one place where the daemon ends a process

    async def counted(process: Process) -> None:
        if process.returncode is None:
            # The sandbox's own two are waited for: one here, one by who adopts orphans
            inside = descendants(process.pid) - children(process.pid)
            with file.open("a") as lines:
                lines.write(f"{sum(map(clock, inside)):.6f}\n")
        await stop(process)

    vars(child)["_stop"] = counted


def noted(file: Path) -> float:
    """The sum until now."""
    return sum(map(float, file.read_text().split())) if file.exists() else 0.0


if __name__ == "__main__":
    note_what_is_ended(Path(sys.argv.pop(1)))
    sys.exit(main())
