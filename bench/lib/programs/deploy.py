# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""bench/deploy: a merged commit becomes the app's current deployment, on a repository that has every object.

appctl stats every object, checks out by hard links, writes its records, and syncs in R10's order; the
yardstick is `ostree checkout --user-mode --require-hardlinks` alone, the floor a bare loop over the same
tree: one mkdir a directory, one link a file. The store process is the one that merged, as in a job; what its
start takes is a row of its own.
"""

import asyncio
import os
import sys
import tempfile
from functools import partial
from pathlib import Path

from appctld.pipeline.deploy import deploy
from appctld.pipeline.images.merge import merge
from appctld.pipeline.stages import Imported
from engine.engine import Engine, copied, import_layers
from engine.floors import store_process
from engine.given import given_layer
from inputs.layout import Layout
from measure.cost import Cost, Watch, command, timed
from measure.options import lenient, parser, places
from measure.report import Goal, Report, say
from measure.turns import Contender, take_turns

APPCTL, CHECKOUT, FLOOR = "appctl", "ostree checkout -U -H", "floor: system calls"
PROCESS = "floor: a store process"
GOALS = (Goal(APPCTL, CHECKOUT, 1.1), Goal(APPCTL, FLOOR), Goal(APPCTL, PROCESS))


def main() -> int:
    """Measure in each place; 1 if the goal is missed."""
    asked = parser("deploy", __doc__.partition("\n")[2])
    asked.add_argument("--layer", type=Path, help="a gzip layer instead of the generated one")
    options = asked.parse_args()
    layer = given_layer(options)
    report = Report("deploy", {"runs": options.runs, **layer.facts()})
    for where in places(options):
        say(f"measuring on {where.name}")
        with tempfile.TemporaryDirectory(prefix="bench.", dir=where.path) as made:
            layout, state = Layout(Path(made) / "layout"), Path(made) / "state"
            layout.add("1", [layer])
            commit = asyncio.run(_prepared(layout, state))
            contenders: dict[str, Contender] = {
                APPCTL: partial(_deploy, layout, state),
                CHECKOUT: partial(_check_out, state, commit),
                FLOOR: partial(_link, state, commit),
                PROCESS: store_process,
            }
            report.add(where.name, take_turns(contenders, options.runs, Path(made)), GOALS)
    report.print(as_json=options.json)
    return report.exit_code(lenient=lenient(options))


async def _prepared(layout: Layout, state: Path) -> str:
    """Import and merge; the merged commit."""
    engine = Engine(state, layout)
    planned = await engine.plan("1")
    done, _ = await import_layers(engine, planned)
    return (await merge(planned, Imported(tuple(done), None), engine.tools())).commit


def _deploy(layout: Layout, state: Path, place: Path) -> Cost:
    async def work() -> Cost:
        engine = Engine(copied(state, place), layout)
        planned = await engine.plan("1")
        held, _ = await import_layers(engine, planned)
        async with engine.job():
            merged = await merge(planned, Imported(tuple(held), None), engine.tools())
            watch = Watch(keeps=True)
            await deploy(merged, engine.tools())
            return watch.stop()

    return asyncio.run(work())


def _check_out(state: Path, commit: str, place: Path) -> Cost:
    repository = copied(state, place) / "repo"
    words = ["--user-mode", "--require-hardlinks", commit, str(place / "tree")]
    return command(["ostree", "checkout", f"--repo={repository}", *words])


def _link(state: Path, commit: str, place: Path) -> Cost:
    """What a checkout would be if somebody told it which link to make where."""
    _check_out(state, commit, place)
    top, target = str(place / "tree"), str(place / "again")
    directories, links = [target], []
    for path, below, files in os.walk(top):
        here = target + path.removeprefix(top)
        directories += [f"{here}/{name}" for name in below]
        links += [(f"{path}/{name}", f"{here}/{name}") for name in files]

    def work() -> None:
        for directory in directories:
            os.mkdir(directory)  # noqa: PTH102 - the system call alone
        for source, link in links:
            os.link(source, link, follow_symlinks=False)

    return timed(work)


if __name__ == "__main__":
    sys.exit(main())
