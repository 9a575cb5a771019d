# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""bench/install: cold install of an image of two layers from a registry on loopback, reference to runnable.

appctl is the real command with the real daemon in the user scope, its sandboxes and a gpg signature; the
daemon runs already, as podman's registry client and skopeo need none.
"""

import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from engine.given import given_image
from engine.published import Published
from engine.user import appctl, check_runnable, user_of
from inputs.layer import Layer
from measure.cost import Cost
from measure.options import Where, lenient, parser, places
from measure.report import Goal, Report, say
from measure.turns import Contender, take_turns
from peers import flatpak, podman, skopeo

APPCTL, PODMAN, UMOCI, FLATPAK = (
    "appctl install",
    "podman pull",
    "skopeo copy, umoci unpack",
    "flatpak install",
)
FLOOR = "floor: skopeo copy"
GOALS = (Goal(APPCTL, PODMAN, 0.35), Goal(APPCTL, UMOCI, 0.30), Goal(APPCTL, FLATPAK), Goal(APPCTL, FLOOR))


def main() -> int:
    """Measure in each place; 1 if a goal is missed."""
    asked = parser("install", __doc__.partition("\n")[2], runs=3)
    asked.add_argument("--image", help="oci:DIR:TAG instead of the generated image")
    options = asked.parse_args()
    layers = given_image(options)
    size = f"{sum(layer.size for layer in layers) / 1e6:.1f} MB"
    report = Report("install", {"runs": options.runs, "layers": len(layers), "gzip": size})
    for where in places(options):
        say(f"measuring on {where.name}")
        _measure(layers, where, options.runs, report)
    report.print(as_json=options.json)
    return report.exit_code(lenient=lenient(options))


def _measure(layers: list[Layer], where: Where, runs: int, report: Report) -> None:
    with tempfile.TemporaryDirectory(prefix="bench.", dir=where.path) as made:
        place = Path(made)
        with Published(place / "publisher") as published:
            published.push("1", layers)
            contenders = _contenders(published, layers, where, place)
            report.add(where.name, take_turns(contenders, runs, place), GOALS)


def _contenders(
    published: Published, layers: list[Layer], where: Where, place: Path
) -> Mapping[str, Contender]:
    image = published.image("1")
    return {
        APPCTL: partial(_install, published),
        PODMAN: partial(podman.pull, [image], where.path),
        UMOCI: partial(skopeo.copy_and_unpack, image),
        **flatpak.contender(FLATPAK, layers, place),
        FLOOR: partial(skopeo.copy, image),
    }


def _install(published: Published, place: Path) -> Cost:
    with user_of(published, place) as machine:
        cost = appctl(machine, "install", "-y", published.image("1"))
        check_runnable(machine)
    return cost


if __name__ == "__main__":
    sys.exit(main())
