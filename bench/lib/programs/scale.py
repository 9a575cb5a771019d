# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""bench/scale: `appctl list` with 1,000 installed apps, and `appctl prune` with 10,000 layers of five files.

Both are the real command with the real daemon, which runs already, on a state directory that was written
directly (engine/crowd.py). Prune is asked where an app needs every layer, and where none does.
"""

import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from engine.crowd import LAYERS_OF_AN_APP, REMOTE, Crowd
from engine.engine import copied
from engine.user import appctl
from measure.cost import Cost, command
from measure.options import lenient, parser, places
from measure.report import Bound, Report, say
from measure.turns import Row, take_turns
from support.machines.machine import Machine

LIST, EMPTY = "appctl list", "floor: appctl list, no app"
NEEDED, UNNEEDED, PEER = "appctl prune, all needed", "appctl prune, none needed", "ostree prune, none needed"


def main() -> int:
    """Measure in each place; 1 if a goal is missed."""
    options = parser("scale", __doc__.partition("\n")[2], runs=3).parse_args()
    apps, layers = (5, 20) if options.small else (1_000, 10_000)
    report = Report("scale", {"runs": options.runs, "apps": apps, "layers": layers})
    for where in places(options):
        say(f"measuring on {where.name}")
        with tempfile.TemporaryDirectory(prefix="bench.", dir=where.path) as made:
            rows = take_turns(_contenders(apps, layers, Path(made)), options.runs, Path(made))
        report.add(where.name, rows, (), _bounds(rows))
    report.print(as_json=options.json)
    return report.exit_code(lenient=lenient(options))


def _bounds(rows: dict[str, Row]) -> list[Bound]:
    limits = {LIST: 0.15, NEEDED: 2.0, UNNEEDED: 2.0}
    return [Bound(f"median of {name}", round(rows[name].middle(), 3), "s", limits[name]) for name in limits]


def _contenders(apps: int, layers: int, place: Path) -> dict[str, Callable[[Path], Cost]]:
    listed, empty = (_crowd(place / f"apps-{count}", count) for count in (apps, 0))
    needed = _crowd(place / "needed", -(-layers // LAYERS_OF_AN_APP), layers)
    unneeded = _crowd(place / "unneeded", 0, layers)
    return {
        LIST: partial(_listed, listed),
        EMPTY: partial(_listed, empty),
        NEEDED: partial(_pruned, needed),
        UNNEEDED: partial(_pruned, unneeded),
        PEER: partial(_peer, unneeded),
    }


def _crowd(root: Path, apps: int, layers: int = 0) -> Path:
    crowd = Crowd(root / "appctl")
    crowd.apps(apps, crowd.layers(layers))
    return crowd.paths.root


def _user(state: Path, place: Path) -> Machine:
    """A user who has that state."""
    machine = Machine(place / "user", sandboxed=True)
    machine.state.parent.mkdir(parents=True)
    copied(state, machine.state.parent)
    return machine


def _listed(state: Path, place: Path) -> Cost:
    with _user(state, place) as machine:
        machine.appctl("list")  # the daemon has read everything once
        return appctl(machine, "list")


def _pruned(state: Path, place: Path) -> Cost:
    with _user(state, place) as machine:
        return appctl(machine, "prune")


def _peer(state: Path, place: Path) -> Cost:
    repository = copied(state, place) / "repo"
    for ref in (repository / "refs/heads/appctl/layer" / REMOTE).iterdir():
        ref.unlink()
    return command(["ostree", "prune", f"--repo={repository}", "--refs-only", "--depth=0"])


if __name__ == "__main__":
    sys.exit(main())
