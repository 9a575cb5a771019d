# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""bench/update: an installed image gets one more layer of 8 MB.

appctl is the real command with the real daemon; the yardstick is `podman pull` of the new image where the old
one is. Every byte that appctl downloads is counted where it is served: the new layer, its manifest, config
and signature, and nothing else.
"""

import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from engine.given import given_layers
from engine.published import Published
from engine.user import appctl, check_runnable, user_of
from inputs.layer import Layer
from measure.cost import Cost
from measure.options import Where, lenient, parser, places
from measure.report import Bound, Goal, Report, say
from measure.turns import take_turns
from peers import podman

APPCTL, PODMAN = "appctl update", "podman pull"
GOALS = (Goal(APPCTL, PODMAN, 1.0),)


def main() -> int:
    """Measure in each place; 1 if a goal is missed."""
    options = parser("update", __doc__.partition("\n")[2]).parse_args()
    layers = given_layers(options)
    size = f"{layers[-1].size / 1e6:.1f} MB"
    report = Report("update", {"runs": options.runs, "new layer, gzip": size, "entries": layers[-1].entries})
    for where in places(options):
        say(f"measuring on {where.name}")
        _measure(layers, where, options.runs, report)
    report.print(as_json=options.json)
    return report.exit_code(lenient=lenient(options))


def _measure(layers: Sequence[Layer], where: Where, runs: int, report: Report) -> None:
    with tempfile.TemporaryDirectory(prefix="bench.", dir=where.path) as made:
        place = Path(made)
        with Published(place / "publisher") as published:
            published.push("1", layers[:-1], "stable")
            published.push("2", layers, "stable", minute=1)
            images = [published.image("1"), published.image("2")]
            beyond: list[int] = []
            contenders = {
                APPCTL: partial(_update, published, beyond),
                PODMAN: partial(podman.pull, images, where.path),
            }
            rows = take_turns(contenders, runs, place)
            most = Bound("bytes beyond layer, manifest, config and signature", max(beyond), "B", 0)
            report.add(where.name, rows, GOALS, [most])


def _update(published: Published, beyond: list[int], place: Path) -> Cost:
    published.point("stable", "1")
    with user_of(published, place) as machine:
        machine.appctl("install", "-y", published.image("stable"))
        published.point("stable", "2")
        before = published.served()
        cost = appctl(machine, "update", "-y")
        beyond.append(published.served() - before - published.size_of_update("2"))
        check_runnable(machine)
    return cost


if __name__ == "__main__":
    sys.exit(main())
