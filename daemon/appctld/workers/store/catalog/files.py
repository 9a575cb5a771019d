# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a catalogue becomes: the AppStream file, the index that is searched, and icons.

Pure. Guarantees: pictures are written anew, and have the size that they are listed with.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from appctld.workers.store.catalog.component import Component
from appctld.workers.store.catalog.listing import SIZES
from appctld.workers.store.catalog.searching.entry import write_index
from appctld.workers.store.catalog.shelf import CATALOG, ICONS, INDEX, document
from appctld.workers.store.exports.emit import Exporter, Refused, emit


def icon_path(app_id: str, size: str) -> str:
    """Of one picture, below the catalogue's directory."""
    return f"{ICONS}/{size}/{app_id}.png"


def picture(data: bytes, app_id: str, size: str) -> bytes | None:
    """A PNG written anew; None if it is none of that size that may be shown."""
    try:
        return emit(f"icons/hicolor/{size}/apps/{app_id}.png", data, Exporter(app_id, ()))
    except Refused:
        return None


def files_of(
    components: Sequence[Component], icons: Mapping[str, bytes], remote: str, directory: Path, *, signed: bool
) -> dict[str, bytes]:
    """All files by their paths below `directory`, in which they will stand; `icons` by theirs.

    Raises LimitExceeded.
    """
    shown = [one.with_icons(_icons_of(one.entry.id, icons), directory) for one in components]
    return {
        CATALOG: b"".join(document(f"appctl-{remote}", (one.line() for one in shown))),
        INDEX: write_index((one.entry for one in shown), signed=signed),
        **icons,
    }


def _icons_of(app_id: str, icons: Mapping[str, bytes]) -> dict[str, str]:
    paths = {size: icon_path(app_id, size) for size in SIZES}
    return {size: path for size, path in paths.items() if path in icons}
