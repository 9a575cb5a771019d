# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""How far updates go by themselves, and why not further. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Extent(StrEnum):
    """From the least to the most; each does what the ones before it do, too."""

    NONE = "none"
    CHECK = "check"
    DOWNLOAD = "download"
    INSTALL = "install"


ORDER = tuple(Extent)
DEFAULT = Extent.INSTALL
"""Where nobody said anything: an update that waits for somebody to think of it mends nothing."""


class Why(StrEnum):
    """What keeps an update from going further by itself."""

    POLICY = "policy"
    CLIENT = "client"
    METERED = "metered"
    BATTERY = "battery"
    CLOCK = "clock"
    GOING_DOWN = "going-down"


@dataclass(frozen=True, slots=True)
class Decision:
    """How far this one goes, and what keeps it from going further, the strictest first."""

    extent: Extent
    because: tuple[Why, ...] = ()


def least(extents: Iterable[Extent]) -> Extent:
    """The one that does least, of one or more."""
    return min(extents, key=ORDER.index)
