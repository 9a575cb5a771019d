# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What no app sees, whatever it was granted: covered again wherever a grant would show it.

That are the state and configuration of appctl, the caller's runtime directory with its buses, and the other
apps' data. Every directory on the way there is a mount point, which an app cannot rename. So no app changes
what is installed or whom we trust.
"""

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from appctl.places import SYSTEM_CONFIG, SYSTEM_STATE, Places
from appctl.running.grants.granted import Grants, Mount, Shown
from appctl.scope import Scope


def hidden(places: Places) -> list[Path]:
    """Return the real directories that no grant may show: state and configuration of both scopes, sockets."""
    own = [places.state(Scope.USER), places.own_state, places.configuration(Scope.USER)]
    own += filter(None, [places.runtime])
    return [Path(os.path.realpath(path)) for path in (*own, SYSTEM_STATE, SYSTEM_CONFIG)]


def apps(places: Places) -> Path:
    """Return the real directory with the apps' own data."""
    return Path(os.path.realpath(places.all_app_data))


def cover(grants: Grants, places: Places, denied: Collection[Path] = ()) -> None:
    """Cover what must stay hidden (made first: an app could make it) and what is denied. Raises OSError."""
    home = Path(os.path.realpath(places.home))
    pins: dict[str, Mount] = {}
    for path in (*hidden(places), apps(places)):
        for grant in grants.shown:
            if not path.is_relative_to(grant.path):
                continue
            if path.is_relative_to(home):
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if path.is_dir():
                _cover(grants, Path(grant.place, path.relative_to(grant.path)), places)
                pins |= {pin.place: pin for pin in _pins(grants, grant, path)}
    for path in filter(Path.exists, denied):
        for grant in grants.shown:
            if path.is_relative_to(grant.path):
                _deny(grants, Path(grant.place, path.relative_to(grant.path)), is_file=not path.is_dir())
                pins |= {pin.place: pin for pin in _pins(grants, grant, path)}
    grants.mounts += pins.values()


def _deny(grants: Grants, place: Path, *, is_file: bool) -> None:
    """Put something empty over a place; what is the app's own, or is hidden, may lie below it.

    So it comes in turn with the mounts, and can be written until they are all there.
    """
    if is_file:
        grants.masks.append(Mount(str(place), ("--ro-bind", os.devnull, str(place))))
        return
    grants.masks = [mask for mask in grants.masks if not Path(mask.place).is_relative_to(place)]
    grants.mounts.append(Mount(str(place), ("--tmpfs", str(place))))
    grants.masks.append(Mount(str(place), ("--remount-ro", str(place))))


def _cover(grants: Grants, place: Path, places: Places) -> None:
    """Cover one place; the app's own data come into that of all apps, which is thus no mask."""
    if place == places.all_app_data:
        grants.mounts.append(Mount(str(place), ("--tmpfs", str(place))))
    else:
        grants.masks.append(Mount(str(place), ("--tmpfs", str(place), "--remount-ro", str(place))))


def _pins(grants: Grants, grant: Shown, covered: Path) -> Iterator[Mount]:
    """Make the directories between a grant and what it must not show mount points: those cannot be renamed.

    Else an app moves ~/.local away, and its next run shows all that lies in it. Below a read-only grant
    nothing can be renamed, and nothing may become writable.
    """
    for path in covered.parents:
        if path == grant.path:
            return
        place = str(Path(grant.place, path.relative_to(grant.path)))
        around = [other for other in grants.shown if Path(place).is_relative_to(other.place)]
        if max(reversed(around), key=lambda other: len(other.place)) is grant and not grant.read_only:
            source = grants.sources.open(grant.path, str(path.relative_to(grant.path)))
            yield Mount(place, grants.sources.bind(source, place, read_only=False))
