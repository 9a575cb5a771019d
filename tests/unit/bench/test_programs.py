# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Every benchmark still works: each does its smallest input once, here, without its launcher.

They run in this process, so that it imports what they need, and makes their input, once.
"""

import json
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[3]
PATH = f"{TOP}/bench/lib:{TOP}/tests"  # that of bench/lib/start
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
def test_a_benchmark_measures_appctl_and_its_peers(
    program: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTHONPATH", PATH)  # of what it starts
    with tempfile.TemporaryDirectory() as place:  # sockets want shorter paths than pytest's
        monkeypatch.setattr(sys, "argv", [program, "--small", "--runs=1", f"--at={place}", "--json"])
        assert import_module(f"programs.{program}").main() == 0
        assert not list(Path(place).iterdir())
    report = json.loads(capsys.readouterr().out)
    assert report["sections"]
    assert all(
        section["kind"] == "plot" or section["rows"] or section.get("judged")
        for section in report["sections"]
    )


def test_every_benchmark_is_tried_and_imports_nothing_that_its_launcher_does_not_show() -> None:
    assert {path.stem for path in (TOP / "bench/lib/programs").glob("*.py")} == set(PROGRAMS)
    lines = "".join(f"import programs.{program}\n" for program in PROGRAMS)
    environment = {"PYTHONPATH": PATH, "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-c", lines], env=environment, check=True)
