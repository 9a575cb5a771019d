# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which layer a file goes into; pure.

Guarantees: a function of the tree, the sizes and the map: every content object is in exactly one chunk, and
of chunks there are at most `LAYERS`, the first of which is the rest. By size, a large file has a layer of its
own, and the others go by their names, which are hashes: so a file that did not change stays where it was, and
an update changes the layers of the files that it changes. Leaves to others: what else is in a layer.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from appctld.workers.export.publish.contentmap import ContentMap

LAYERS = 64  # ostree-ext's default; engines take 127, and what is derived needs some
LARGE = 4 << 20  # bytes of a file that has a layer of its own: a request for less costs more than it saves
_OWN = 31  # layers of large files; with those of the others and the first one: LAYERS
_OTHERS = 32  # layers of the others, a power of two, so that their number changes seldom
_DIGITS = 8  # of a checksum, which tell where a file goes


@dataclass(frozen=True)
class Chunk:
    """Content objects, sorted; `name` is "" for the rest."""

    name: str
    files: tuple[str, ...]


def whole(files: Iterable[str]) -> list[Chunk]:
    """Everything in one layer."""
    return [Chunk("", tuple(sorted(files)))]


def by_size(sizes: Mapping[str, int]) -> list[Chunk]:
    """Large files by themselves, the largest first; of the others about `LARGE` bytes in each layer."""
    large = sorted((name for name in sizes if sizes[name] >= LARGE), key=lambda name: (-sizes[name], name))
    own = large[:_OWN]
    others = sorted(sizes.keys() - set(own))
    count = _count(sum(sizes[name] for name in others))
    parts: list[list[str]] = [[] for _ in range(count)]
    for name in others:
        parts[int(name[:_DIGITS], 16) % count].append(name)
    chunks = [Chunk(f"file {name[:12]}", (name,)) for name in own]
    named = (Chunk(f"part {number} of {count}", tuple(part)) for number, part in enumerate(parts, 1))
    return [Chunk("", ()), *chunks, *(chunk for chunk in named if chunk.files)]


def by_map(paths: Mapping[str, Sequence[str]], content: ContentMap) -> list[Chunk]:
    """A layer for each component of the map, in its order; a file is what its first path says it is."""
    found: dict[str, list[str]] = {"": [], **{component: [] for component in content.components}}
    for name in sorted(paths):
        found[content.component(paths[name][0])].append(name)
    return [Chunk(name, tuple(files)) for name, files in found.items() if files or not name]


def _count(size: int) -> int:
    count = 1
    while count < _OTHERS and count * LARGE < size:
        count *= 2
    return count
