# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""One image of a catalogue: which app is in it, what it says of itself, and its icons.

Guarantees: the layers were those of the manifest and of the config; what is taken is what an installation
would export (store/exports). No key is asked: whoever makes a catalogue signs what it says.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

from appctld.errors import BadManifest, LimitExceeded
from appctld.model.appid import checked_id, id_of_reference
from appctld.model.catalog import LABEL
from appctld.model.flatpak.labels import Described, describe
from appctld.model.reference import Reference
from appctld.workers.export.catalog.component import listed, of_labels, of_metainfo, shorten
from appctld.workers.images.image import Image, share_of
from appctld.workers.images.layers import Blobs
from appctld.workers.images.listings import Listings
from appctld.workers.images.manifests import manifests_of
from appctld.workers.images.sources import Named, Opened
from appctld.workers.store.catalog.components import COMPONENT_BYTES
from appctld.workers.store.catalog.listing import SIZES, metainfo_of
from appctld.workers.store.exports.emit import Exporter, emit_all

STARTER = ("/usr/bin/appctl", "run")  # of desktop files, of which nothing is listed
_ANEW = "make the image anew, and push it"


@dataclass(frozen=True)
class App:
    """What a catalogue has of it; `icons` by their size, `remarks` are what was left out and why."""

    id: str
    reference: Reference
    component: ET.Element
    icons: dict[str, bytes] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def read_app(place: Opened, named: Named, reference: Reference, listings: Listings) -> App | None:
    """Read an image; None if nobody starts what is in it. Raises what an installation would."""
    source = place.source_of(reference)
    manifests = manifests_of(*source.manifest(named.wanted), source)
    if not manifests:
        raise BadManifest(f"{reference} is an index without an image", hint=_ANEW)
    _, manifest = manifests[0]  # those of all platforms are one app
    with Blobs(source) as blobs:
        image = Image.configured(blobs, manifest, reference)
        described = describe(image.config)
        if described.is_runtime or image.config.label(LABEL) is not None:
            return None  # before its layers are fetched
        image.read_layers(listings)
        if image.changed:
            raise BadManifest(f"{reference} has a layer that is another than its config says", hint=_ANEW)
        return _App(image, described, reference).read()


class _App:
    def __init__(self, image: Image, described: Described, reference: Reference) -> None:
        self._image = image
        self._reference = reference
        self._id = checked_id(described.name or id_of_reference(reference))

    def read(self) -> App:
        metainfo = metainfo_of(self._id)
        pictures = {size: f"icons/hicolor/{size}/apps/{self._id}.png" for size in SIZES}
        desktop = f"applications/{self._id}.desktop"
        exports = emit_all(self._files([*metainfo, desktop, *pictures.values()]), Exporter(self._id, STARTER))
        texts = [exports.files[path] for path in metainfo if path in exports.files]
        icons = {size: exports.files[path] for size, path in pictures.items() if path in exports.files}
        said = of_metainfo(texts[0]) if texts else self._of_labels(desktop=desktop in exports.files)
        component = listed(said, self._reference, self._id, icons)
        missing = {
            "no metainfo: its labels are listed": texts,
            f"no icon {self._id}.png of 64x64 or 128x128": icons,
        }
        remarks = [text for text, found in missing.items() if not found]
        remarks += [f"{path} is not exported: {reason}" for path, reason in exports.refused.items()]
        remarks += [
            f"its metainfo is too large for a catalogue: without {what}" for what in self._less(component)
        ]
        return App(
            self._id,
            self._reference,
            component,
            icons,
            tuple(f"{self._reference}: {remark}" for remark in remarks),
        )

    def _less(self, component: ET.Element) -> list[str]:
        try:
            return shorten(component)
        except LimitExceeded as error:
            raise LimitExceeded(f"{self._reference}: {error}", limit=COMPONENT_BYTES) from None

    def _files(self, below: Sequence[str]) -> dict[str, bytes]:
        """Those that are where an installation looks, by their paths below share/."""
        share = share_of(self._image)
        found = self._image.contents(f"{share}/{path}" for path in below)
        return {path: found[whole] for path in below if (whole := f"{share}/{path}") in found}

    def _of_labels(self, *, desktop: bool) -> ET.Element:
        metadata, config = self._image.metadata, self._image.config
        command = (metadata.command if metadata else "") or next(iter((*config.entrypoint, *config.cmd)), "")
        return of_labels(self._id, config, desktop=desktop, command=command)
