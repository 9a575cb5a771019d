# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""bench/export: an installed image leaves for a directory, with its publisher's digests or packed anew.

The yardstick is `skopeo copy` of the same image from its registry on loopback, which is what a machine
without appctl would do; where blobs are kept appctl asks nobody.
"""

import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from engine.given import given_image
from engine.published import APP_ID, Published
from engine.user import user_of
from measure.cost import Cost, command
from measure.options import lenient, parser, places
from measure.report import Goal, Report, say
from measure.turns import Contender, take_turns
from peers import skopeo
from support.machines.machine import BIN, Machine

KEPT, FETCHED = "appctl export, blobs kept", "appctl export, blobs fetched again"
GZIP, ZSTD = "appctl export --recompress, gzip", "appctl export --recompress, zstd"
SKOPEO = "skopeo copy"
GOALS = (Goal(KEPT, SKOPEO, 1.0), Goal(FETCHED, SKOPEO, 1.5), Goal(GZIP, SKOPEO), Goal(ZSTD, SKOPEO))


def main() -> int:
    """Measure in each place; 1 if a goal is missed."""
    asked = parser("export", __doc__.partition("\n")[2], runs=3)
    asked.add_argument("--image", help="oci:DIR:TAG instead of the generated image")
    options = asked.parse_args()
    layers = given_image(options)
    size = f"{sum(layer.size for layer in layers) / 1e6:.1f} MB"
    report = Report("export", {"runs": options.runs, "layers": len(layers), "gzip": size})
    for where in places(options):
        say(f"measuring on {where.name}")
        with tempfile.TemporaryDirectory(prefix="bench.", dir=where.path) as made:
            place = Path(made)
            with Published(place / "publisher") as published:
                published.push("1", layers)
                with _installed(published, place) as machine:
                    contenders = _contenders(published.image("1"), machine)
                    report.add(where.name, take_turns(contenders, options.runs, place), GOALS)
    report.print(as_json=options.json)
    return report.exit_code(lenient=lenient(options))


@contextmanager
def _installed(published: Published, place: Path) -> Iterator[Machine]:
    """A user who has the app, and its blobs as they were packed."""
    with user_of(published, place) as machine:
        machine.appctl("remote", "modify", "bench", "--set", "keep-blobs=yes")
        machine.appctl("install", "-y", published.image("1"))
        yield machine


def _contenders(image: str, machine: Machine) -> Mapping[str, Contender]:
    return {
        KEPT: partial(_export, machine, ()),
        FETCHED: partial(_without_kept, machine),
        GZIP: partial(_export, machine, ("--recompress",)),
        ZSTD: partial(_export, machine, ("--recompress", "--compression=zstd")),
        SKOPEO: partial(skopeo.copy, image),
    }


def _export(machine: Machine, options: tuple[str, ...], place: Path) -> Cost:
    target = f"oci:{place / 'layout'}"
    return command([BIN / "appctl", "export", APP_ID, target, *options], env=machine.environment)


def _without_kept(machine: Machine, place: Path) -> Cost:
    kept, aside = machine.state / "kept", machine.state / "kept.aside"
    kept.rename(aside)
    try:
        return _export(machine, (), place)
    finally:
        aside.rename(kept)


if __name__ == "__main__":
    sys.exit(main())
