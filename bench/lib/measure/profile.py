# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Where CPU time goes, by the file whose code ran: `perf record` of user space, as anybody may.

The kernel's part is not perf's but the system time that the kernel itself counts. Where there is no perf, or
it may not sample, nothing is found.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

_HERTZ = "997"  # a prime, so that it does not beat with the scheduler


def profile(argv: Sequence[str | Path], place: Path) -> dict[str, float]:
    """Each program's and library's share of the user time of a command and all below it; {} without perf."""
    data = place / "perf.data"
    record = [
        "perf",
        "record",
        "--quiet",
        "--event=cpu-clock:u",
        f"--freq={_HERTZ}",
        f"--output={data}",
        "--",
    ]
    if not shutil.which("perf"):
        return {}
    done = subprocess.run([*record, *map(str, argv)], capture_output=True, check=False)
    return _shares(data) if done.returncode == 0 and data.exists() else {}


def _shares(data: Path) -> dict[str, float]:
    words = ["--stdio", "--no-children", "--sort=dso", "--fields=overhead,dso", "--field-separator=,"]
    environment = {**os.environ, "HOME": "/nonexistent"}
    done = subprocess.run(
        ["perf", "report", f"--input={data}", *words],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    rows = [line.split(",", 1) for line in done.stdout.splitlines() if "," in line and "%" in line]
    return {name.strip(): float(share.strip().rstrip("%")) / 100 for share, name in rows}
