# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What keeps root for a peer does nothing else with it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[3] / "bench/lib/peers/privileged.py"
ASK = """
import os, socket
channel = socket.socket(fileno=int(os.environ["APPCTL_BENCH_PRIVILEGED"])).makefile("rw")
channel.write({line!r} + "\\n")
channel.flush()
print(channel.readline())
raise SystemExit(7)
"""
IMAGE = "127.0.0.1:5000/bench/app:1"


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        ({"images": ["quay.io/acme/app:1"], "at": "/var/tmp"}, "no image on loopback"),
        ({"images": [f"--root=/ {IMAGE}"], "at": "/var/tmp"}, "no image on loopback"),
        ({"images": [IMAGE, "127.0.0.1.example:5000/app:1"], "at": "/var/tmp"}, "no image on loopback"),
        ({"images": [IMAGE], "at": "."}, "does not belong to root"),
        ({"images": [IMAGE]}, "at"),
        ("nonsense", ""),
    ],
)
def test_whatever_is_not_a_pull_from_loopback_is_refused(request_: object, why: str, tmp_path: Path) -> None:
    command = [sys.executable, str(PROGRAM), sys.executable, "-c", ASK.format(line=json.dumps(request_))]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 7, "the command's exit code is not passed on"
    assert why in json.loads(done.stdout)["error"]
    assert not list(tmp_path.iterdir())
