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
from engine.published import NAME, Published
from engine.user import appctl, check_runnable, user_of
from inputs.kept import scratch
from inputs.layer import Layer
from measure.cost import Cost
from measure.options import Where, lenient, parser, places
from measure.report import Goal, Report, say
from measure.turns import Contender, take_turns
from peers import flatpak, podman, skopeo

APPCTL, PODMAN, UMOCI = "appctl install", "podman pull", "skopeo copy, umoci unpack"
FLATPAK = "flatpak install, upper layer alone"
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
    flat = flatpak.taken(layers[-1], scratch()) if flatpak.is_here() else None
    for where in places(options):
        say(f"measuring on {where.name}")
        _measure(layers, flat, where, options.runs, report)
    report.print(as_json=options.json)
    return report.exit_code(lenient=lenient(options))


def _measure(layers: list[Layer], flat: Layer | None, where: Where, runs: int, report: Report) -> None:
    with tempfile.TemporaryDirectory(prefix="bench.", dir=where.path) as made:
        place = Path(made)
        with Published(place / "publisher") as published:
            published.push("1", layers)
            contenders = _contenders(published, flat, where)
            report.add(where.name, take_turns(contenders, runs, place), GOALS)


def _contenders(published: Published, flat: Layer | None, where: Where) -> Mapping[str, Contender]:
    image = published.image("1")
    return {
        APPCTL: partial(_install, published),
        PODMAN: partial(podman.pull, [image], where.path),
        UMOCI: partial(skopeo.copy_and_unpack, image),
        **(_flatpak(published, flat) if flat else {}),
        FLOOR: partial(skopeo.copy, image),
    }


def _flatpak(published: Published, flat: Layer) -> Mapping[str, Contender]:
    """The application's layer alone, for flatpak takes no more."""
    digest = published.push("flatpak", [flat], labels=flatpak.LABELS)
    return {FLATPAK: partial(flatpak.install, published.registry, f"{NAME}:flatpak", digest)}


def _install(published: Published, place: Path) -> Cost:
    with user_of(published, place) as machine:
        cost = appctl(machine, "install", "-y", published.image("1"))
        check_runnable(machine)
    return cost


if __name__ == "__main__":
    sys.exit(main())
