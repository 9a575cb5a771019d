# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Contenders take turns in one run, so that whatever else the machine does meets each of them alike.

Each begins in an empty directory of its own with nothing left to be written from before, which costs it
nothing, and what it leaves is removed before the next one begins.
"""

import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from measure.cost import Cost

Contender = Callable[[Path], Cost]


@dataclass(frozen=True)
class Row:
    """What one contender cost, run for run."""

    name: str
    costs: tuple[Cost, ...]

    def least(self, what: str = "wall") -> float:
        """The minimum of `wall`, `cpu` or `system`: what the work costs."""
        return min(self._all(what))

    def middle(self, what: str = "wall") -> float:
        """The median: what the machine made of it."""
        return statistics.median(self._all(what))

    def _all(self, what: str) -> list[float]:
        return [float(getattr(cost, what)) for cost in self.costs]


def take_turns(contenders: Mapping[str, Contender], runs: int, at: Path) -> dict[str, Row]:
    """Each once a round, `runs` rounds. One that cannot run at all is named on stderr and left out."""
    costs: dict[str, list[Cost]] = {name: [] for name in contenders}
    for _ in range(runs):
        for name, contender in contenders.items():
            if name in costs and (cost := _one(name, contender, at)) is not None:
                costs[name].append(cost)
            else:
                costs.pop(name, None)
    return {name: Row(name, tuple(found)) for name, found in costs.items()}


def _one(name: str, contender: Contender, at: Path) -> Cost | None:
    place = Path(tempfile.mkdtemp(prefix="bench.", dir=at))
    try:
        os.sync()
        return contender(place)
    except (OSError, RuntimeError) as error:
        if name.startswith("appctl"):
            raise
        print(f"{name} is left out: {str(error).strip()[-300:]}", file=sys.stderr)
        return None
    finally:
        remove(place)


def remove(place: Path) -> None:
    """Remove a tree, directories that images made unwritable too."""
    for path, directories, _ in os.walk(place):
        for name in directories:
            if not os.path.islink(child := os.path.join(path, name)):  # noqa: PTH114, PTH118 - thousands of them
                os.chmod(child, 0o700)  # noqa: PTH101
    shutil.rmtree(place)
