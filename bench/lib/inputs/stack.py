# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An image cut into any number of layers, with any number of whiteouts; always the same files in all."""

from pathlib import Path

from inputs.layer import Layer, write_layer
from inputs.shape import Entry, Kind

_DIRECTORIES = 200
_BYTES = 2_000  # of a file


def stack(work: Path, files: int, layers: int, whiteouts: int) -> list[Layer]:
    """Layers in `work`, lowest first: `files` over all of them, a whiteout is for a file of the one below."""
    each = files // layers
    upper = max(layers - 1, 1)
    if whiteouts and (layers == 1 or whiteouts // upper > each):
        raise ValueError("more whiteouts than files below them")
    made = []
    for number in range(layers):
        gone = whiteouts // upper + (number <= whiteouts % upper) if number else 0
        listed = _directories() + _files(number, each) + _whiteouts(number - 1, gone)
        listed.sort(key=lambda entry: entry.path)
        made.append(write_layer(work / f"{number}.tar.gz", listed, level=1))
    return made


def _path(layer: int, number: int, prefix: str = "") -> str:
    return f"usr/share/d{number % _DIRECTORIES:03}/{prefix}{layer:02}-{number:05}"


def _directories() -> list[Entry]:
    names = ["usr", "usr/share", *(f"usr/share/d{number:03}" for number in range(_DIRECTORIES))]
    return [Entry(name, Kind.DIRECTORY, 0o755) for name in names]


def _files(layer: int, count: int) -> list[Entry]:
    return [
        Entry(_path(layer, number), Kind.FILE, size=_BYTES, number=layer << 20 | number)
        for number in range(count)
    ]


def _whiteouts(layer: int, count: int) -> list[Entry]:
    return [Entry(_path(layer, number, ".wh."), Kind.WHITEOUT) for number in range(count)]
