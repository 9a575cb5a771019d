# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""bench/question-layers: split layers, or a flattened image? Time to first run and disk use.

The same 20,000 files lie in 1, 4, 16 or 64 layers, and 0, 100 or 10,000 of them are whited out above. The
split model checks every layer out above the others (`ostree checkout --union --whiteouts`, one process); the
flattened one checks out one commit, which appctl first has to make of the layers.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from appctld.pipeline.images.merge import merge
from appctld.pipeline.stages import Imported
from appctld.workers.store.ostree.closure import closure
from appctld.workers.store.ostree.kinds import loose_path
from appctld.workers.store.ostree.repository import Repository
from engine.engine import Engine, copied, import_layers
from inputs.layout import Layout
from inputs.stack import stack
from measure.cost import Cost, Watch, command
from measure.options import Where, lenient, parser, places
from measure.report import Report, say
from measure.turns import Row, take_turns
from shown.plots import lines

MERGE, WHOLE, SPLIT = "appctl merge", "checkout of the merged commit", "checkout layer by layer"
COLUMNS = (
    *("layers", "whiteouts", "split: checkout layer by layer, s", "flattened: merge, s", "and checkout, s"),
    *("layers on disk, MB", "the merged commit adds, MB", "flattened alone, MB"),
)


@dataclass(frozen=True)
class Image:
    """One image in the repository of `state`: its layer commits, lowest first, and the merged one."""

    layout: Layout
    state: Path
    commits: tuple[str, ...]
    merged: str


def main() -> int:
    """Measure every combination in the first place that was asked for, and print table and plot."""
    options = parser("question-layers", __doc__.partition("\n")[2], runs=3).parse_args()
    options.at = options.at or [Path("/dev/shm")]  # noqa: S108 - both models write the same files
    files = 200 if options.small else 20_000
    counts = (1, 2) if options.small else (1, 4, 16, 64)
    gone = (0, 10) if options.small else (0, 100, 10_000)
    report = Report("question-layers", {"runs": options.runs, "files": files})
    for where in places(options):
        found = {
            (layers, whiteouts): _measure(where, files, layers, whiteouts, options.runs)
            for whiteouts in gone
            for layers in counts
            if layers > 1 or not whiteouts
        }
        report.add_table(
            f"Split or flattened, {where.name}", COLUMNS, [[*key, *row] for key, row in found.items()]
        )
        report.add_plot(_plot(found))
    report.print(as_json=options.json)
    return report.exit_code(lenient=lenient(options))


def _measure(where: Where, files: int, layers: int, whiteouts: int, runs: int) -> list[float]:
    say(f"{layers} layers, {whiteouts} whiteouts on {where.name}")
    with tempfile.TemporaryDirectory(prefix="bench.", dir=where.path) as made:
        place = Path(made)
        image = asyncio.run(_image(place, files, layers, whiteouts))
        contenders = {
            MERGE: partial(_merge, image),
            WHOLE: partial(_check_out, image, [image.merged]),
            SPLIT: partial(_check_out, image, image.commits),
        }
        rows = take_turns(contenders, runs, place)
        return [*_times(rows), *_sizes(image)]


def _times(rows: dict[str, Row]) -> list[float]:
    return [round(rows[name].middle(), 3) for name in (SPLIT, MERGE, WHOLE)]


def _sizes(image: Image) -> list[float]:
    repository = Repository.open(image.state / "repo")
    layers, alone = _disk_use(repository, image.commits), _disk_use(repository, [image.merged])
    both = _disk_use(repository, [*image.commits, image.merged])
    return [round(size / 1e6, 2) for size in (layers, both - layers, alone)]


def _disk_use(repository: Repository, commits: Sequence[str]) -> int:
    """Bytes of blocks of every object that these commits need."""
    objects = closure(repository, list(commits)).objects
    paths = [repository.path / loose_path(kind, name) for kind, found in objects.items() for name in found]
    return sum(os.lstat(path).st_blocks for path in paths) * 512


async def _image(place: Path, files: int, layers: int, whiteouts: int) -> Image:
    layout, state = Layout(place / "layout"), place / "state"
    work = place / "layers"
    work.mkdir()
    layout.add("1", stack(work, files, layers, whiteouts))
    engine = Engine(state, layout)
    planned = await engine.plan("1")
    done, _ = await import_layers(engine, planned)
    merged = await merge(planned, Imported(tuple(done), None), engine.tools())
    commits = {layer.layer.diff_id: layer.commit for layer in done}
    return Image(layout, state, tuple(commits[diff_id] for diff_id in planned.order), merged.commit)


def _merge(image: Image, place: Path) -> Cost:
    """On a repository that lacks what only the merged commit has."""
    state = copied(image.state, place)
    _forget_merged(state / "repo", image)

    async def work() -> Cost:
        engine = Engine(state, image.layout)
        planned = await engine.plan("1")
        held, _ = await import_layers(engine, planned)
        watch = Watch()
        await merge(planned, Imported(tuple(held), None), engine.tools())
        return watch.stop()

    return asyncio.run(work())


def _forget_merged(path: Path, image: Image) -> None:
    repository = Repository.open(path)
    merged, layers = (closure(repository, list(one)).objects for one in ([image.merged], image.commits))
    for kind, found in merged.items():
        for name in found - layers[kind]:
            (path / loose_path(kind, name)).unlink()


def _check_out(image: Image, commits: Sequence[str], place: Path) -> Cost:
    """One process, whatever the number of commits."""
    repository, listed = copied(image.state, place) / "repo", place / "commits"
    listed.write_bytes(b"".join(f"{commit}\0/\0".encode() for commit in commits))
    words = ["--user-mode", "--require-hardlinks", "--union", "--whiteouts", f"--from-file={listed}"]
    return command(["ostree", "checkout", f"--repo={repository}", *words, str(place / "tree")])


def _plot(found: dict[tuple[int, int], list[float]]) -> dict[str, object]:
    gone = sorted({whiteouts for _, whiteouts in found})
    series: dict[str, list[tuple[float, float]]] = {}
    for whiteouts in (gone[0], gone[-1]):
        rows = {layers: row for (layers, some), row in found.items() if some == whiteouts}
        series[f"split, {whiteouts:,} gone"] = [(x, row[0]) for x, row in rows.items()]
        series[f"flattened, {whiteouts:,} gone"] = [(x, row[1] + row[2]) for x, row in rows.items()]
        series[f"again, {whiteouts:,} gone"] = [(x, row[2]) for x, row in rows.items()]
    title = "From layer commits to a tree that can run"
    return lines("question-layers", title, ("layers", "seconds"), series)


if __name__ == "__main__":
    sys.exit(main())
