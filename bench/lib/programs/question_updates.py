# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""bench/question-updates: what does layering save over ten updates? Bytes downloaded, and time.

Two users install the same image and update it ten times with the real command and daemon: for one every
update is a layer above what was there, for the other the publisher flattens each version into one layer.
"""

import sys
import tempfile
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

from engine.published import Published
from engine.user import appctl, check_runnable, user_of
from inputs.chain import Chain, chain
from inputs.layer import Layer
from measure.cost import Cost
from measure.options import Where, lenient, parser, places
from measure.report import Report, say
from shown.plots import lines

LAYERED, FLATTENED = "layered", "flattened"
COLUMNS = (
    *("version", "layered: downloaded, MB", "wall, s", "CPU, s"),
    *("flattened: downloaded, MB", "wall, s", "CPU, s"),
)
Step = tuple[int, Cost]  # bytes that were served, and what it cost


def main() -> int:
    """Measure in the first place that was asked for, and print table and plot."""
    options = parser("question-updates", __doc__.partition("\n")[2], runs=1).parse_args()
    options.at = options.at or [Path("/var/tmp")]  # noqa: S108 - updates land on disks
    say("making the versions; the first time gzip takes some minutes")
    versions = chain(small=options.small)
    count = len(versions.flattened) - 1
    report = Report("question-updates", {"updates": count, "entries": versions.flattened[-1].entries})
    for where in places(options):
        steps = _measure(versions, where)
        report.add_table(f"{count} updates, {where.name}", COLUMNS, _rows(steps))
        report.add_plot(_plot(steps))
    report.print(as_json=options.json)
    return report.exit_code(lenient=lenient(options))


def _measure(versions: Chain, where: Where) -> dict[str, list[Step]]:
    ways: dict[str, list[Sequence[Layer]]] = {
        LAYERED: [versions.version(number) for number in range(len(versions.flattened))],
        FLATTENED: [(layer,) for layer in versions.flattened],
    }
    with tempfile.TemporaryDirectory(prefix="bench.", dir=where.path) as made:
        place = Path(made)
        with Published(place / "publisher") as published:
            return {name: _updates(published, name, images, place) for name, images in ways.items()}


def _updates(published: Published, name: str, images: Sequence[Sequence[Layer]], place: Path) -> list[Step]:
    home, steps = place / name, []
    home.mkdir()
    with user_of(published, home) as machine:
        for number, layers in enumerate(images):
            say(f"{name}, version {number}")
            published.push(f"{name}{number}", layers, name, minute=number)
            published.point(name, f"{name}{number}")
            before = published.served()
            words = ["update", "-y"] if number else ["install", "-y", published.image(name)]
            cost = appctl(machine, *words)
            steps.append((published.served() - before, cost))
            check_runnable(machine)
    return steps


def _rows(steps: dict[str, list[Step]]) -> list[list[object]]:
    lines_of = [[_cells(step) for step in steps[name]] for name in (LAYERED, FLATTENED)]
    rows = [[number, *one, *other] for number, (one, other) in enumerate(zip(*lines_of, strict=True))]
    totals = [
        _cells((sum(b for b, _ in of[1:]), sum((c for _, c in of[1:]), Cost(0, 0)))) for of in steps.values()
    ]
    return [*rows, ["all updates", *totals[0], *totals[1]]]


def _cells(step: Step) -> list[object]:
    size, cost = step
    return [round(size / 1e6, 2), round(cost.wall, 2), round(cost.cpu, 2)]


def _plot(steps: dict[str, list[Step]]) -> dict[str, object]:
    series = {
        name: [(float(x), y / 1e6) for x, y in enumerate(accumulate(size for size, _ in found))]
        for name, found in steps.items()
    }
    return lines("question-updates", "Downloaded in all", ("updates", "MB"), series)


if __name__ == "__main__":
    sys.exit(main())
