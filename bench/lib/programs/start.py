# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""bench/start: from the shell to the first reply: `appctl version` and `appctl list`; the daemon runs.

The command is that of an environment without development packages (engine/released.py). The yardstick is a
Python that only imports what any such client must: argparse, and jeepney.
"""

import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from engine.released import released
from measure.cost import Cost, command
from measure.options import lenient, parser, places
from measure.report import Goal, Report, say
from measure.turns import take_turns
from support.machines.machine import Machine

LIMIT = 1.5
YARDSTICK = "python3 that imports argparse and jeepney"
FLOOR = "floor: python3 that imports nothing"
BARE = ["/usr/bin/python3", "-I", "-c"]
WORDS = ("version", "list")


def main() -> int:
    """Measure in each place; 1 if a goal is missed."""
    options = parser("start", __doc__.partition("\n")[2], runs=30).parse_args()
    report = Report("start", {"runs": options.runs})
    goals = [*(Goal(_name(word), YARDSTICK, LIMIT) for word in WORDS), Goal(FLOOR, YARDSTICK)]
    for where in places(options):
        say(f"measuring on {where.name}")
        with (
            tempfile.TemporaryDirectory(prefix="bench.", dir=where.path) as made,
            Machine(Path(made) / "user", sandboxed=True, measured=False) as machine,
        ):
            contenders = _contenders(released(Path(made) / "venv"), machine)
            report.add(where.name, take_turns(contenders, options.runs, Path(made)), goals)
    report.print(as_json=options.json)
    return report.exit_code(lenient=lenient(options))


def _contenders(appctl: Path, machine: Machine) -> dict[str, Callable[[Path], Cost]]:
    for word in WORDS:
        _appctl(appctl, word, machine, appctl)  # which compiles it
    return {
        YARDSTICK: partial(_python, "import argparse, jeepney.io.blocking"),
        FLOOR: partial(_python, "pass"),
        **{_name(word): partial(_appctl, appctl, word, machine) for word in WORDS},
    }


def _name(word: str) -> str:
    return f"appctl {word}"


def _python(text: str, _place: Path) -> Cost:
    return command([*BARE, text])


def _appctl(appctl: Path, word: str, machine: Machine, _place: Path) -> Cost:
    environment = {**machine.environment, "PYTHONPATH": "", "PYTHONDONTWRITEBYTECODE": ""}
    return command([appctl, word, "--user"], env=environment)


if __name__ == "__main__":
    sys.exit(main())
