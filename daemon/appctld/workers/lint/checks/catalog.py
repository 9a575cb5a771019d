# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A catalogue, looked at as a machine will: by the code that reads it there.

Which IDs a remote may list says the file of whoever adds it; here any is taken.
"""

from appctld.errors import AppctlError, BadManifest
from appctld.model.catalog import LABEL, check_label, check_layers, prefix_of
from appctld.workers.images.image import Image
from appctld.workers.images.validators import METAINFO, ask, missing
from appctld.workers.lint.findings import Findings
from appctld.workers.store.catalog.component import Component, Rules
from appctld.workers.store.catalog.components import XML_BYTES
from appctld.workers.store.catalog.listing import ICONS_PATH, SIZES, XML_PATH, read_catalog
from appctld.workers.store.exports.emit import Exporter, Refused, emit


def is_catalog(image: Image) -> bool:
    """Whether the image says that it is one, and none of an app."""
    return image.config.label(LABEL) is not None


def check_catalog(image: Image, found: Findings) -> None:
    """Look at the list, and at the icons beside it."""
    try:
        check_label(image.config, found.image)
        check_layers(image.manifest.layers)
        data = _xml(image)
        components = _components(image, data, found)
    except AppctlError as error:
        found.add("catalog-refused", XML_PATH, f"{error.name}: {error}")
        return
    _validate(data, found)
    _icons(image, components, found)


def _xml(image: Image) -> bytes:
    data = image.contents([XML_PATH], XML_BYTES).get(XML_PATH)
    if data is None:
        raise BadManifest(f"the image has no catalogue of at most {XML_BYTES} bytes at /{XML_PATH}")
    return data


def _components(image: Image, data: bytes, found: Findings) -> list[Component]:
    if image.reference is None:
        found.add("not-checked", XML_PATH, "what a catalogue without a whole name may list nobody knows")
        return []
    return read_catalog(data, Rules(prefix_of(image.reference)))


def _validate(data: bytes, found: Findings) -> None:
    if absent := missing(METAINFO):
        found.add("not-checked", XML_PATH, f"{absent} is not installed here")
    elif said := ask(METAINFO, "catalog.xml", data):
        found.add("catalog-invalid", XML_PATH, said)


def _icons(image: Image, components: list[Component], found: Findings) -> None:
    """Those of listed apps that nobody will see."""
    paths = {
        f"{ICONS_PATH}/{size}/{one.entry.id}.png": (size, one.entry.id)
        for one in components
        for size in SIZES
    }
    for path, data in image.contents(paths).items():
        size, app_id = paths[path]
        try:
            emit(f"icons/hicolor/{size}/apps/{app_id}.png", data, Exporter(app_id, ()))
        except Refused as refused:
            found.add("icon-invalid", path, refused.reason)
