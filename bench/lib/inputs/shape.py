# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What stands in a layer: entries with the shape of a distribution image, a function of a seed.

The shape is that of Debian with GTK 4 and Python: 15,000 entries and 254 MB of tar, a tenth directories and
as many symlinks, few hard links, file sizes log-normal (median 3 kB, the largest hundredth holds half of all
bytes), paths of up to 14 components, some longer than a tar header holds, some parents without an entry of
their own. An upper layer replaces and whites out what is below. Leaves the bytes to texture.py.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

from inputs.texture import Texture

_ROOTS = (
    "usr/bin",
    "usr/lib/x86_64-linux-gnu",
    "usr/lib/python3",
    "usr/share/doc",
    "usr/share/locale",
    "etc",
)
_SEED_BITS = 32  # of an entry's number lie below its seed
_DEEPEST = 14
_LONGEST = 80_000_000  # bytes of a file: LLVM's library has as many


class Kind(Enum):
    """The type of an entry."""

    FILE = auto()
    DIRECTORY = auto()
    SYMLINK = auto()
    HARD_LINK = auto()
    WHITEOUT = auto()


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a tar; `target` is a link's, `number` finds a file's content, in any layer."""

    path: str
    kind: Kind
    mode: int = 0o644
    size: int = 0
    target: str = ""
    number: int = 0
    texture: Texture = Texture.TEXT


@dataclass(frozen=True, slots=True)
class Shape:
    """How many entries and bytes of content a layer has; `replaced` is the share of files that lie below."""

    seed: int
    entries: int
    size: int
    whiteouts: int = 0
    replaced: float = 0.0

    def small(self, times: int = 100) -> "Shape":
        """The same in small, for a first try and for tests."""
        return replace(
            self,
            entries=max(self.entries // times, 40),
            size=max(self.size // times, 100_000),
            whiteouts=-(-self.whiteouts // times),  # rounded up: one stays where there are some
        )


# A debootstrap image in three layers: the base, an application with its libraries, an update
BASE = Shape(seed=1, entries=6_768, size=196_000_000)
APPLICATION = Shape(seed=2, entries=14_890, size=242_000_000, replaced=0.01)
UPDATE = Shape(seed=3, entries=1_367, size=20_500_000, whiteouts=135, replaced=0.6)


def entries(shape: Shape, below: Sequence[Entry] = ()) -> list[Entry]:
    """The layer's entries in the order of the archive: a directory before what is in it, paths sorted."""
    source = random.Random(shape.seed)
    directories = _directories(source, shape)
    found = {entry.path: entry for entry in _files(source, shape, directories, below)}
    links = shape.entries - shape.whiteouts - len(found) - len(directories)
    found |= {entry.path: entry for entry in _links(source, links, directories, list(found.values()))}
    found |= {path: Entry(path, Kind.DIRECTORY, 0o755) for path in directories if _is_said(path)}
    found |= {entry.path: entry for entry in _whiteouts(source, shape, below) if entry.target not in found}
    return _after_targets(sorted(found.values(), key=lambda entry: entry.path))


def _directories(source: random.Random, shape: Shape) -> list[str]:
    made = list(_ROOTS)
    while len(made) < max(shape.entries // 10, len(_ROOTS)):
        parent = source.choice(made[-200:] if source.random() < 0.5 else made)  # noqa: PLR2004 - half of them
        if parent.count("/") < _DEEPEST - 2:
            made.append(f"{parent}/{_name(source, shape, len(made))}")
    return made


def _name(source: random.Random, shape: Shape, number: int) -> str:
    length = source.choice((3, 5, 8, 12, 20, 40))
    letters = "".join(source.choices("abcdefghijklmnopqrstuvwxyz-_", k=length))
    return f"{letters}{shape.seed}.{number:x}"


def _is_said(path: str) -> bool:
    """Whether a directory has an entry: of the deep ones every twentieth has none."""
    return path.count("/") < 3 or sum(path.encode()) % 20 != 0  # noqa: PLR2004 - deeper than usr/share/doc


def _files(
    source: random.Random, shape: Shape, directories: Sequence[str], below: Sequence[Entry]
) -> Iterator[Entry]:
    count = int((shape.entries - shape.whiteouts - len(directories)) * 0.89)
    under = [entry.path for entry in below if entry.kind is Kind.FILE]
    over = source.sample(under, min(int(count * shape.replaced), len(under)))
    for index, size in enumerate(_sizes(source, count, shape.size)):
        new = f"{source.choice(directories)}/{_name(source, shape, index)}"
        yield Entry(
            over[index] if index < len(over) else new,
            Kind.FILE,
            mode=0o755 if index % 7 == 0 else 0o644,
            size=size,
            number=shape.seed << _SEED_BITS | index,
            texture=source.choices(list(Texture), [texture.value for texture in Texture])[0],
        )


def _sizes(source: random.Random, count: int, total: int) -> list[int]:
    """Log-normal, of that sum."""
    raw = [source.lognormvariate(8, 2) for _ in range(count)]
    scale = total / sum(raw)
    return [min(int(one * scale), _LONGEST) for one in raw]


def _links(
    source: random.Random, count: int, directories: Sequence[str], files: Sequence[Entry]
) -> Iterator[Entry]:
    """One hard link for twenty symlinks."""
    for number in range(max(count, 0)):
        path, to = f"{source.choice(directories)}/link{number:x}", source.choice(files).path
        if number % 20 == 0:
            yield Entry(path, Kind.HARD_LINK, target=to)
        else:
            yield Entry(path, Kind.SYMLINK, 0o777, target=to.rpartition("/")[2])


def _whiteouts(source: random.Random, shape: Shape, below: Sequence[Entry]) -> Iterator[Entry]:
    under = [entry.path for entry in below if entry.kind is Kind.FILE]
    for path in source.sample(under, min(shape.whiteouts, len(under))):
        directory, _, name = path.rpartition("/")
        yield Entry(f"{directory}/.wh.{name}", Kind.WHITEOUT, target=path)


def _after_targets(listed: Sequence[Entry]) -> list[Entry]:
    """A hard link names what came before it, so those go to the end."""
    first = [entry for entry in listed if entry.kind is not Kind.HARD_LINK]
    return first + [entry for entry in listed if entry.kind is Kind.HARD_LINK]
