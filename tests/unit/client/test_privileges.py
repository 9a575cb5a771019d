# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a session with a seat gives its programs, `appctl` gives no other: bubblewrap would not start."""

import os
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).parents[3]
SHOWN = """
import subprocess, sys
sys.path[:0] = [{top!r} + "/daemon", {top!r} + "/client"]
def capabilities():
    lines = open("/proc/self/status").read().splitlines()
    return next(line.split()[1] for line in lines if line.startswith("CapAmb"))
before = capabilities()
{start}
print(int(before, 16) > 0, int(capabilities(), 16))
"""
START = """
from appctl import __main__
__main__._told = lambda words: 0
__main__.main([])
"""


def test_no_capability_of_the_session_goes_on_to_programs() -> None:
    """In a namespace that gives CAP_WAKE_ALARM as pam_systemd does."""
    program = SHOWN.format(top=str(TOP), start=START)
    as_me = ("--unshare-user", "--uid", str(os.getuid()), "--gid", str(os.getgid()))
    command = [
        "bwrap",
        *as_me,
        "--cap-add",
        "CAP_WAKE_ALARM",
        "--dev-bind",
        "/",
        "/",
        sys.executable,
        "-c",
        program,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["True", "0"], done.stderr
