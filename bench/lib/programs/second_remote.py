# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""bench/second-remote: a layer that one remote brought is wanted by another, which may have it (R5).

Nothing is downloaded and nothing inflated, but every object is hashed again before the second remote gets a
ref. The yardstick is the same layer's first import, the download not counted.
"""

import asyncio
import sys
import tempfile
from functools import partial
from pathlib import Path

from appctld.pipeline.images.layer import fetch_and_import
from engine.engine import Engine, import_layers
from engine.floors import store_process
from engine.given import given_layer
from inputs.layout import Layout
from measure.cost import Cost, Watch
from measure.options import lenient, parser, places
from measure.report import Goal, Report, say
from measure.turns import Contender, take_turns

FIRST, SECOND = "first import", "appctl, second remote"
PROCESS = "floor: a store process"
GOALS = (Goal(SECOND, FIRST, 0.5), Goal(SECOND, PROCESS))


def main() -> int:
    """Measure in each place; 1 if the goal is missed."""
    asked = parser("second-remote", __doc__.partition("\n")[2])
    asked.add_argument("--layer", type=Path, help="a gzip layer instead of the generated one")
    options = asked.parse_args()
    layer = given_layer(options)
    report = Report("second-remote", {"runs": options.runs, **layer.facts()})
    for where in places(options):
        say(f"measuring on {where.name}")
        with tempfile.TemporaryDirectory(prefix="bench.", dir=where.path) as made:
            layout = Layout(Path(made) / "layout")
            layout.add("1", [layer])
            contenders: dict[str, Contender] = {
                FIRST: partial(_first, layout),
                SECOND: partial(_second, layout),
                PROCESS: store_process,
            }
            report.add(where.name, take_turns(contenders, options.runs, Path(made)), GOALS)
    report.print(as_json=options.json)
    return report.exit_code(lenient=lenient(options))


def _first(layout: Layout, place: Path) -> Cost:
    async def work() -> Cost:
        engine = Engine(place / "state", layout)
        return (await import_layers(engine, await engine.plan("1")))[1]

    return asyncio.run(work())


def _second(layout: Layout, place: Path) -> Cost:
    async def work() -> Cost:
        engine = Engine(place / "state", layout, ("bench", "other"))
        await import_layers(engine, await engine.plan("1"))
        planned = await engine.plan("1", "other")
        if planned.bytes_to_download:
            raise SystemExit("the second remote would download the layer")
        watch = Watch()
        await fetch_and_import(planned.layers[0], planned, engine.tools())
        return watch.stop()

    return asyncio.run(work())


if __name__ == "__main__":
    sys.exit(main())
