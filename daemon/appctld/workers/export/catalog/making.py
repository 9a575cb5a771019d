# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The image of a catalogue: one layer with the list and the icons, made of apps that were read.

Guarantees: a function of the apps, the name and the time; each app is there once, below the prefix. It has no
architecture, and nothing of it is run. Leaves to others: reading the apps, and what becomes of the image.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from appctld.errors import Conflict, InvalidReference
from appctld.model.catalog import LABEL, check_size
from appctld.model.manifest import Platform
from appctld.model.reference import Reference
from appctld.workers.export.catalog.app import App
from appctld.workers.export.catalog.component import document
from appctld.workers.export.publish import tar
from appctld.workers.export.publish.image import Image, Said, make_image
from appctld.workers.export.publish.packing import Packer
from appctld.workers.store.catalog.listing import ICONS_PATH, XML_PATH

NOWHERE = Platform("unknown", "unknown")


def check_below(reference: Reference, prefix: str) -> None:
    """Raise InvalidReference for an app of which a catalogue there must not tell."""
    if reference.pinned:
        raise InvalidReference(f"{reference}: an app is listed under a tag, or it would never be updated")
    if not reference.name.startswith(f"{prefix}/"):
        raise InvalidReference(
            f"{reference} does not lie below {prefix}, and no catalogue there may list it",
            hint="--as HOST/PREFIX/appctl-catalog:latest    (the prefix of the remote)",
        )


def check_once(apps: Sequence[App]) -> None:
    """Raise Conflict for an ID that two references have."""
    for one, other in itertools.pairwise(sorted(apps, key=lambda app: app.id)):
        if one.id == other.id:
            raise Conflict(
                f"{one.reference} and {other.reference} are both {one.id}", hint="list one of them"
            )


def files_of(apps: Sequence[App], prefix: str) -> dict[str, bytes]:
    """The files of the catalogue by their paths."""
    apps = sorted(apps, key=lambda app: app.id)
    origin = f"appctl-{prefix.translate(str.maketrans('/:[]', '----'))}"
    icons = {f"{ICONS_PATH}/{size}/{app.id}.png": data for app in apps for size, data in app.icons.items()}
    return {XML_PATH: document([app.component for app in apps], origin), **icons}


def make_catalog(files: Mapping[str, bytes], created: int, title: str, packer: Packer) -> Image:
    """The image; `created` in seconds since 1970. Raises LimitExceeded, NoSpace."""
    pieces = [*_tar(files)]
    check_size(sum(map(len, pieces)))
    layer = packer.pack(pieces, "appctl publish --catalog")
    labels = {LABEL: "1", "org.opencontainers.image.title": title}
    return make_image([layer], Said(NOWHERE, created, labels))


def _tar(files: Mapping[str, bytes]) -> Iterator[bytes]:
    above = {parent.as_posix() for path in files for parent in PurePosixPath(path).parents}
    for directory in sorted(above - {"."}):
        yield tar.header(f"{directory}/", tar.DIRECTORY, mode=0o755)
    for path, data in sorted(files.items()):
        yield tar.header(path, tar.FILE, mode=0o644, size=len(data))
        yield data
        yield tar.padding(len(data))
    yield tar.END
