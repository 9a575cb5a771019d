# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What an app is denied, whatever it was granted: words that are not granted, places that are covered.

Guarantees: a deny wins over every grant that would give what it names, also one of another name or one of
which it is a part: what cannot be left out of a grant takes that along. A word that is not known here is no
deny but an error, so that none is mistyped unnoticed. The rest, and where denies stand, is others'.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from appctl.places import Places
from appctl.running.grants import bus, devices, filesystems, sockets
from appctl.running.grants.granted import Grants

FEATURES = {"devel", "multiarch", "bluetooth", "canbus", "per-app-dev-shm"}
SHARED = {"network", "ipc"}
WORDS = {"shared": SHARED, "features": FEATURES, "devices": {*devices.NODES}, "sockets": {*sockets.SHOW}}
_PART_OF = {  # what cannot be left out of a grant
    ("sockets", "fallback-x11"): {"x11"},
    ("devices", "all"): {*devices.NODES} - {"all", "shm"},
}
_BUSES = {"session-bus", "system-bus"}

Word = tuple[str, str]  # kind and value


@dataclass(frozen=True)
class Denials:
    """Words that `check` has seen."""

    words: frozenset[Word] = frozenset()

    def forbid(self, kind: str, value: str, places: Places) -> bool:
        """Whether a wish is not granted at all."""
        mine = [denied for same, denied in self.words if same == kind]
        if kind == "filesystems":
            return any(filesystems.lies_in(value, denied, places) for denied in mine)
        if kind in _BUSES:
            return any(bus.takes(value, denied) for denied in mine)
        return value in mine or bool(_PART_OF.get((kind, value), set()).intersection(mine))

    def take_places(self, grants: Grants, places: Places) -> list[Path]:
        """Drop what is denied of what would be shown; the paths of the host that the rest must not show."""
        denied = [value for kind, value in self.words if kind == "filesystems"]
        really = [path for value in denied for path in filesystems.really(value, places)]
        inside = [Path(place) for value in denied for place in filesystems.inside(value)]
        dropped = {shown.place for shown in grants.shown if _is_below(shown.path, really)}
        dropped |= {mount.place for mount in grants.mounts if _is_below(Path(mount.place), inside)}
        grants.shown = [shown for shown in grants.shown if shown.place not in dropped]
        grants.mounts = [mount for mount in grants.mounts if mount.place not in dropped]
        grants.home &= str(places.home) not in dropped
        return really

    def of_bus(self, bus_name: str) -> list[str]:
        """The policies that are denied on a bus (session, system)."""
        return [value for kind, value in self.words if kind == f"{bus_name}-bus"]


NOTHING = Denials()


def check(kind: str, value: str) -> Word:
    """A word that can be denied. Raises ValueError."""
    known = value in WORDS.get(kind, ())
    if kind == "filesystems":
        known = filesystems.is_name(value)
    elif kind in _BUSES:
        known = bool(bus.rule(value))
    if not known:
        raise ValueError(f"{kind}={value} is no permission that an app can have")
    return kind, value


def _is_below(path: Path, tops: Iterable[Path]) -> bool:
    return any(path.is_relative_to(top) for top in tops)
