# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""bench/memory: the peak of PSS over all processes, from reference to runnable, whatever the layer's size.

A layer of 4 GiB, half of it in one file, and one of 500,000 entries are installed by the real command with
the real daemon; the command, the daemon, its workers, decoders and sandboxes count, the registry does not.
"""

import os
import sys
import tempfile
from pathlib import Path

from engine.published import Published
from engine.user import appctl, check_runnable, user_of
from inputs.large import large_layer, many_layer
from inputs.layer import Layer
from measure.memory import Peak, descendants, sampling
from measure.options import Where, lenient, parser, places
from measure.report import Bound, Report, say
from measure.turns import Row

LIMIT = 160  # MB
SHOWN = 6  # programs of the peak that a table names, the largest first


def main() -> int:
    """Install each layer once; 1 if the goal is missed."""
    options = parser("memory", __doc__.partition("\n")[2], runs=1).parse_args()
    options.at = options.at or [Path("/var/tmp")]  # noqa: S108 - 4 GiB on a tmpfs would be memory too
    say("making the layers; the first time it takes some minutes")
    layers = {
        "one large layer": large_layer(small=options.small),
        "one of many files": many_layer(small=options.small),
    }
    report = Report("memory", {"runs": 1})
    for where in places(options):
        for name, layer in layers.items():
            say(f"measuring {name} on {where.name}")
            _measure(name, layer, where, report)
    report.print(as_json=options.json)
    return report.exit_code(lenient=lenient(options))


def _measure(name: str, layer: Layer, where: Where, report: Report) -> None:
    title = f"{name}: {layer.tar_size / 1e6:.0f} MB in {layer.entries:,} entries, {where.name}"
    with tempfile.TemporaryDirectory(prefix="bench.", dir=where.path) as made:
        place = Path(made)
        with Published(place / "publisher") as published, user_of(published, place) as machine:
            published.push("1", [layer])
            daemon = machine.daemon.pid if machine.daemon else 0
            with sampling(without=descendants(os.getpid()) - {daemon}) as sampler:
                cost = appctl(machine, "install", "-y", published.image("1"))
            check_runnable(machine)
    report.add(title, {"appctl install": Row("appctl install", (cost,))}, (), _bounds(sampler.peak))


def _bounds(peak: Peak) -> list[Bound]:
    largest = sorted(peak.programs.items(), key=lambda item: -item[1])[:SHOWN]
    of = [Bound(f"of which {name}", _megabytes(size), "MB") for name, size in largest]
    return [Bound("peak PSS of all processes", _megabytes(peak.total), "MB", LIMIT), *of]


def _megabytes(size: int) -> float:
    return round(size / 1e6, 1)


if __name__ == "__main__":
    sys.exit(main())
