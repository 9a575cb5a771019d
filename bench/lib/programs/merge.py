# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""bench/merge: three layer commits become one commit.

appctl unites dirtree objects (ADR 8); the yardstick checks each layer out above the others, as hard links,
with libostree's whiteouts, and commits the directory. Neither reads a file. The store process is there
before, as it is in a job, which has a layer to import first; what its start takes is a row of its own.
"""

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from appctld.pipeline.images.merge import merge
from appctld.pipeline.stages import Imported
from engine.engine import Engine, copied, import_layers
from engine.floors import store_process
from engine.given import given_layers
from inputs.layout import Layout
from measure.cost import Cost, Watch, command
from measure.options import lenient, parser, places
from measure.report import Goal, Report, say
from measure.turns import Contender, take_turns

APPCTL, UNION = "appctl", "ostree checkout --union, commit"
PROCESS = "floor: a store process"
GOALS = (Goal(APPCTL, UNION, 0.1), Goal(APPCTL, PROCESS))


def main() -> int:
    """Measure in each place; 1 if the goal is missed."""
    options = parser("merge", __doc__.partition("\n")[2]).parse_args()
    layers = given_layers(options)
    facts = {"runs": options.runs, "layers": 3, "entries": sum(layer.entries for layer in layers)}
    report = Report("merge", facts)
    for where in places(options):
        say(f"measuring on {where.name}")
        with tempfile.TemporaryDirectory(prefix="bench.", dir=where.path) as made:
            layout, state = Layout(Path(made) / "layout"), Path(made) / "state"
            layout.add("1", layers)
            commits = asyncio.run(_prepared(layout, state))
            contenders: dict[str, Contender] = {
                APPCTL: partial(_merge, layout, state),
                UNION: partial(_union, state, commits),
                PROCESS: store_process,
            }
            report.add(where.name, take_turns(contenders, options.runs, Path(made)), GOALS)
    report.print(as_json=options.json)
    return report.exit_code(lenient=lenient(options))


async def _prepared(layout: Layout, state: Path) -> list[str]:
    engine = Engine(state, layout)
    done, _ = await import_layers(engine, await engine.plan("1"))
    return [layer.commit for layer in done]


def _merge(layout: Layout, state: Path, place: Path) -> Cost:
    async def work() -> Cost:
        engine = Engine(copied(state, place), layout)
        planned = await engine.plan("1")
        held, _ = await import_layers(engine, planned)
        async with engine.job():
            await engine.ask_for_nothing()
            watch = Watch(keeps=True)
            await merge(planned, Imported(tuple(held), None), engine.tools())
            return watch.stop()

    return asyncio.run(work())


def _union(state: Path, commits: Sequence[str], place: Path) -> Cost:
    repository, tree = copied(state, place) / "repo", place / "tree"
    checkout = ["ostree", "checkout", f"--repo={repository}", "--user-mode", "--require-hardlinks"]
    cost = Cost(0, 0)
    for commit in commits:
        cost += command([*checkout, "--union", "--whiteouts", commit, tree])
    words = ["--branch=merged", f"--tree=dir={tree}", "--link-checkout-speedup", "--no-bindings"]
    return cost + command(["ostree", "commit", f"--repo={repository}", *words, "--subject="])


if __name__ == "__main__":
    sys.exit(main())
