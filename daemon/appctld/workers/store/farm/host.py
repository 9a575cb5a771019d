# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Names that this machine has itself: an app whose exports would stand beside them is refused.

The exports come last in XDG_DATA_DIRS, so they could not shadow the machine's; but whoever picks the name
would get another program than they think, and one of the two could not be started at all.
"""

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from appctld.errors import Conflict

CLAIMS = ("applications/", "dbus-1/services/")  # below `share`: what is picked by its name
MIME_BYTES = 4 << 20  # of each list of the host's; a distribution's longest has 100 KiB


def check_host(app_id: str, paths: Iterable[str], host: Collection[Path]) -> None:
    """Raise Conflict for a desktop file or a D-Bus service, by its path below `share`, that the host has."""
    for path in paths:
        if not path.startswith(CLAIMS):
            continue
        for share in host:
            if os.path.lexists(share / path):
                raise Conflict(
                    f"{app_id} has a {path.rpartition('/')[2]}, and so has this machine ({share / path})",
                    id=app_id,
                )


def taken(host: Iterable[Path]) -> frozenset[str]:
    """The MIME types, aliases and globs that the host has (shared-mime-info's lists)."""
    return frozenset(word for share in host for word in _taken(share / "mime"))


def _taken(mime: Path) -> Iterator[str]:
    yield from _lines(mime / "types")
    for line in _lines(mime / "aliases"):
        yield line.partition(" ")[0]
    for line in _lines(mime / "globs2"):  # weight:type:glob
        yield from line.split(":")[2:3]


def _lines(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            return file.read(MIME_BYTES).decode(errors="replace").splitlines()
    except OSError:
        return []  # a host without such types
