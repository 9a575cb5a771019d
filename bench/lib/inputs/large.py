# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Layers at the ends: one of 4 GiB in few files, one of 500,000 entries. Both compress to next to nothing."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from inputs.kept import kept, scratch
from inputs.layer import Layer, write_layer
from inputs.shape import Entry, Kind
from inputs.texture import Texture

_LARGE, _MANY = 4 << 30, 500_000
_FEW = 16  # files of a sixteenth of the whole each, but the first, which has half of it
_IN_DIRECTORY = 1_000  # entries, the directory's own among them


def large_layer(*, small: bool) -> Layer:
    """4 GiB, half of it in one file; in small 4 MiB."""
    make = partial(_written, entries=_large(_LARGE >> 10 if small else _LARGE))
    return (make(scratch()) if small else kept("large", make))[0]


def many_layer(*, small: bool) -> Layer:
    """500,000 entries, as many as a layer may have, nearly all of them files of 200 bytes; in small 200."""
    make = partial(_written, entries=_many(_MANY // 2_500 if small else _MANY))
    return (make(scratch()) if small else kept("entries", make))[0]


def _written(work: Path, entries: Iterator[Entry]) -> list[Layer]:
    return [write_layer(work / "layer.tar.gz", entries, level=1)]


def _large(size: int) -> Iterator[Entry]:
    yield Entry("usr", Kind.DIRECTORY, 0o755)
    yield Entry("usr/half", Kind.FILE, size=size // 2, texture=Texture.SPARSE)
    for number in range(1, _FEW + 1):
        yield Entry(
            f"usr/part{number}", Kind.FILE, size=size // 2 // _FEW, number=number, texture=Texture.SPARSE
        )


def _many(count: int) -> Iterator[Entry]:
    for number in range(count):
        at, place = divmod(number, _IN_DIRECTORY)
        directory = f"usr/share/many/d{at:04}"
        if place:
            yield Entry(f"{directory}/file-{place:04}", Kind.FILE, size=200, number=number)
        else:
            yield Entry(directory, Kind.DIRECTORY, 0o755)
