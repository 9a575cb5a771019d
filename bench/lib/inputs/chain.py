# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An image and the updates that follow it, as layers above each other, and each version in one layer."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from inputs.kept import kept, scratch
from inputs.layer import Layer, write_layer
from inputs.shape import APPLICATION, BASE, UPDATE, Entry, Kind, Shape, entries

UPDATES = 10
_QUARTER = 4  # of the image's size: eleven flattened ones are made, and gzip takes most of the time
_FIRST_SEED = 10


@dataclass(frozen=True)
class Chain:
    """`layers` are two of the first version and one for each update; `flattened` is each version whole."""

    layers: tuple[Layer, ...]
    flattened: tuple[Layer, ...]

    def version(self, number: int) -> tuple[Layer, ...]:
        """The layers of a version; the first is 0."""
        return self.layers[: number + 2]


def chain(*, small: bool) -> Chain:
    """Ten updates of a quarter of the generated image; in small one of a two-hundredth."""
    times, count = (200, 1) if small else (_QUARTER, UPDATES)
    updates = [replace(UPDATE, seed=_FIRST_SEED + number) for number in range(count)]
    make = partial(_made, shapes=[shape.small(times) for shape in (BASE, APPLICATION, *updates)])
    made = make(scratch()) if small else kept("chain", make)
    return Chain(tuple(made[: count + 2]), tuple(made[count + 2 :]))


def _made(work: Path, shapes: Sequence[Shape]) -> list[Layer]:
    """The layers, and then the flattened versions."""
    whole: dict[str, Entry] = {}
    layers, flattened = [], []
    for number, shape in enumerate(shapes):
        listed = entries(shape, list(whole.values()))
        layers.append(write_layer(work / f"layer-{number}.tar.gz", listed))
        whole = above(whole, listed)
        if number:
            everything = sorted(whole.values(), key=lambda entry: entry.path)
            flattened.append(write_layer(work / f"flattened-{number}.tar.gz", everything))
    return [*layers, *flattened]


def above(below: dict[str, Entry], layer: Iterable[Entry]) -> dict[str, Entry]:
    """The union by path; a hard link becomes the file that it names, for that may go."""
    found = dict(below)
    for entry in layer:
        match entry.kind:
            case Kind.WHITEOUT:
                found.pop(entry.target, None)
            case Kind.HARD_LINK:
                found[entry.path] = replace(found[entry.target], path=entry.path)
            case _:
                found[entry.path] = entry
    return found
