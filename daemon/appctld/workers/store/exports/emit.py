# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A publisher's files as a host's desktop may read them.

Guarantees: what comes out is written anew from what was understood, in each format by a list of what is
allowed (docs/exports.md); nothing of the app's that was not understood reaches the host. Pure: no file is
opened and nothing is started. What cannot be exported is `Refused`, never anything else.

Which file comes from where, and where it goes, is the caller's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from appctld.workers.store.exports.desktop.entry import emit_desktop, opened
from appctld.workers.store.exports.desktop.service import emit_service
from appctld.workers.store.exports.exporter import Emitted, Exporter, Refused
from appctld.workers.store.exports.icons.drawing.svg import emit_svg
from appctld.workers.store.exports.icons.png import emit_png
from appctld.workers.store.exports.markup.metainfo import emit_metainfo
from appctld.workers.store.exports.markup.mime import emit_mime
from appctld.workers.store.exports.names import (
    ALL_BYTES,
    FILES,
    FILES_OF,
    LIMITS,
    OPENED,
    Kind,
    Place,
    place_of,
    wanted,
)

__all__ = ["LIMITS", "Exporter", "Refused", "emit", "emit_all", "re_emit", "wanted"]


@dataclass(slots=True)
class Exports:
    """Files to be exported by their paths below share/; why others are not; what those lack that are."""

    files: dict[str, bytes] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    dropped: dict[str, tuple[str, ...]] = field(default_factory=dict)


def emit(path: str, data: bytes, app: Exporter) -> bytes:
    """What a file at `path` below share/ becomes. Raises Refused."""
    return re_emit(path, data, app).data


def re_emit(path: str, data: bytes, app: Exporter) -> Emitted:
    """The same, with what was left out. Raises Refused."""
    place = place_of(path, app.id)
    if place is None:
        raise Refused("its name or its directory is not one of the app's own")
    if len(data) > LIMITS[place.kind]:
        raise Refused(f"it has {len(data)} bytes, more than {LIMITS[place.kind]}")
    emitted = _EMITTERS[place.kind](place, data, app)
    if len(emitted.data) > LIMITS[place.kind]:
        raise Refused(f"written anew it has more than {LIMITS[place.kind]} bytes")
    return emitted.bounded()


def emit_all(files: Mapping[str, bytes], app: Exporter) -> Exports:
    """All files of an app: a desktop file is told of the services, metainfo of the desktop files."""
    exports = Exports()
    opens = 0
    names: dict[Kind, set[str]] = {kind: set() for kind in Kind}
    for number, (place, path) in enumerate(_in_order(files, app.id)):
        services, desktops = frozenset(names[Kind.SERVICE]), frozenset(names[Kind.DESKTOP])
        try:
            _admit_number(number)
            _admit_of_kind(place, names)
            emitted = re_emit(path, files[path], replace(app, services=services, desktops=desktops))
            _admit_bytes(emitted.data, exports.files)
            opens += _admit_opened(opens, place, emitted.data)
        except Refused as error:
            exports.refused[path] = error.reason
            continue
        names[place.kind].add(place.name)
        exports.files[path] = emitted.data
        if emitted.dropped:
            exports.dropped[path] = emitted.dropped
    return exports


def _in_order(files: Mapping[str, bytes], app_id: str) -> list[tuple[Place, str]]:
    """What can be exported at all: services first, then desktop files, as Kind has them; appdata/ last.

    Of each kind the app's own name is first: where there are too many, it stays.
    """
    placed = [
        (place, path) for path in sorted(files, reverse=True) if (place := place_of(path, app_id)) is not None
    ]
    order = list(Kind)
    return sorted(placed, key=lambda one: (order.index(one[0].kind), len(one[0].name)))


def _admit_number(before: int) -> None:
    """Those count that were refused: each costs the time to read it."""
    if before >= FILES:
        raise Refused(f"of an app at most {FILES} files are looked at")


def _admit_bytes(data: bytes, files: Mapping[str, bytes]) -> None:
    if sum(map(len, files.values())) + len(data) > ALL_BYTES:
        raise Refused(f"an app exports at most {ALL_BYTES} bytes")


def _admit_of_kind(place: Place, names: Mapping[Kind, set[str]]) -> None:
    most = FILES_OF.get(place.kind)
    if most is not None and len(names[place.kind]) >= most:
        raise Refused(f"an app has at most {most} of these")


def _admit_opened(before: int, place: Place, data: bytes) -> int:
    """How many types a desktop file opens."""
    found = opened(data) if place.kind is Kind.DESKTOP else 0
    if before + found > OPENED:
        raise Refused(f"an app opens at most {OPENED} types")
    return found


_EMITTERS: Mapping[Kind, Callable[[Place, bytes, Exporter], Emitted]] = {
    Kind.SERVICE: emit_service,
    Kind.DESKTOP: emit_desktop,
    Kind.METAINFO: emit_metainfo,
    Kind.MIME: emit_mime,
    Kind.PNG: emit_png,
    Kind.SVG: emit_svg,
}
