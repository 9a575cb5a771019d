# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Every benchmark still works: each does its smallest input once, here, without its launcher."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[3]
PROGRAMS = (
    "import_layer",
    "reader",
    "install",
    "update",
    "export",
    "second_remote",
    "merge",
    "deploy",
    "publish",
    "memory",
    "scale",
    "start",
    "responsiveness",
    "question_checksums",
    "question_layers",
    "question_updates",
)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_benchmark_measures_appctl_and_its_peers(program: str) -> None:
    with tempfile.TemporaryDirectory() as place:  # sockets want shorter paths than pytest's
        _measures(program, Path(place))


def _measures(program: str, place: Path) -> None:
    command = [
        sys.executable,
        "-m",
        f"programs.{program}",
        "--small",
        "--runs=1",
        f"--at={place}",
        "--json",
    ]
    path = f"{TOP}/bench/lib:{TOP}/tests"
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    report = json.loads(done.stdout)
    assert report["sections"]
    assert all(
        section["kind"] == "plot" or section["rows"] or section["judged"] for section in report["sections"]
    )
    assert not list(place.iterdir())
