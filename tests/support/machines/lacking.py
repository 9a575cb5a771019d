# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The user-scope daemon on a machine where a program is not installed.

    python -m support.machines.lacking gpgv

What it and its workers see as /usr/bin holds the programs of `PROGRAMS`, but for those that are named.
"""

import os
import sys
from pathlib import Path

from support.machines.machine import BIN

PROGRAMS = ("bwrap", "env", "gpg", "gpgv", "gzip", "igzip", "prlimit", "python3", "true", "zstd")
_PLACE = Path("/usr/bin")


def main(lacks: list[str]) -> None:
    """Become the daemon."""
    argv = ["bwrap", "--die-with-parent", "--dev-bind", "/", "/", "--tmpfs", str(_PLACE)]
    for program in {*PROGRAMS, Path(sys.executable).resolve().name} - set(lacks):
        if (path := _PLACE / program).exists():
            argv += ["--ro-bind", str(path.resolve()), str(path)]
    os.execvp(argv[0], [*argv, "--", str(BIN / "appctld"), "--user"])  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    main(sys.argv[1:])
