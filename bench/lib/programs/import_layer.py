# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""bench/import: one gzip layer becomes a commit.

appctl's part begins when the layer's last byte is here and hashed, and ends with its ref durable: the decoder
in its sandbox, the store processes, the daemon's own work (pipeline/images/layer.py).
"""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from engine.engine import Engine, import_layers
from engine.floors import Tar, inflate, store_process
from engine.given import given_layer
from inputs.layer import Layer
from inputs.layout import Layout
from measure.cost import Cost
from measure.options import Where, lenient, parser, places
from measure.report import Goal, Report, say
from measure.turns import Contender, take_turns
from peers.ostree_ext import contender as ostree_ext
from peers.unpack import ostree_commit, tar

APPCTL, COMMIT, TAR, EXT = "appctl", "ostree commit --tree=tar", "tar xzf", "ostree-ext"
INFLATE, HASH = "floor: inflate", "floor: SHA-256, once"
WRITE, PROCESS = "floor: system calls", "floor: a store process"
GOALS = (
    Goal(APPCTL, COMMIT, 0.35),
    Goal(APPCTL, TAR, 0.60),
    Goal(APPCTL, EXT, 0.25),
    *(Goal(APPCTL, floor) for floor in (INFLATE, HASH, WRITE, PROCESS)),
)


def main() -> int:
    """Measure in each place; 1 if a goal is missed."""
    asked = parser("import", __doc__.partition("\n")[2])
    asked.add_argument("--layer", type=Path, help="a gzip layer instead of the generated one")
    options = asked.parse_args()
    layer = given_layer(options)
    report = Report("import", {"runs": options.runs, **layer.facts()})
    for where in places(options):
        say(f"measuring on {where.name}")
        _measure(layer, where, options.runs, report)
    report.print(as_json=options.json)
    return report.exit_code(lenient=lenient(options))


def _measure(layer: Layer, where: Where, runs: int, report: Report) -> None:
    with tempfile.TemporaryDirectory(prefix="bench.", dir=where.path) as made:
        place = Path(made)
        report.add(where.name, take_turns(_contenders(layer, place), runs, place), GOALS)


def _contenders(layer: Layer, place: Path) -> Mapping[str, Contender]:
    here = place / "layer.tar.gz"
    shutil.copyfile(layer.blob, here)  # from the same file system for all
    layout = Layout(place / "layout")
    layout.add("1", [Layer(here, layer.diff_id, layer.tar_size, layer.entries)])
    inflated = Tar(here, place)
    return {
        APPCTL: partial(_import, layout),
        COMMIT: partial(ostree_commit, here),
        TAR: partial(tar, here),
        **ostree_ext(EXT, layout, place),
        INFLATE: partial(inflate, here),
        HASH: inflated.hash,
        WRITE: inflated.write,
        PROCESS: store_process,
    }


def _import(layout: Layout, place: Path) -> Cost:
    async def work() -> Cost:
        engine = Engine(place / "state", layout)
        return (await import_layers(engine, await engine.plan("1")))[1]

    return asyncio.run(work())


if __name__ == "__main__":
    sys.exit(main())
