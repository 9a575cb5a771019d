# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An app's component in a catalogue: of its metainfo as it would be exported, or of its image's labels.

Pure. Guarantees: it names its reference and the icons beside it, and nothing else of the metainfo's own that
means a place. Leaves to others: whether it may stand in a catalogue at all (store/catalog). Source: AppStream
1.0, "Catalog metadata".
"""

from collections.abc import Iterable
from xml.etree import ElementTree as ET

from appctld.errors import LimitExceeded
from appctld.model.flatpak.labels import title_of, version_in
from appctld.model.image import ImageConfig
from appctld.model.reference import Reference
from appctld.workers.store.catalog import texts
from appctld.workers.store.catalog.component import REFERENCE_KEY, icon_attributes
from appctld.workers.store.catalog.components import COMPONENT_BYTES

_DESCRIPTION = "org.opencontainers.image.description"
_LICENSES = "org.opencontainers.image.licenses"
_URL = "org.opencontainers.image.url"
_SUMMARY = 200  # characters: a summary is one line, a label may be a page
_OF_PLACES = ("icon", "custom", "bundle", "pkgname")  # each says where something is, or is ours to say


def of_metainfo(emitted: bytes) -> ET.Element:
    """The component of a metainfo file that was re-emitted."""
    component = ET.fromstring(emitted)  # noqa: S314 - which we wrote
    for child in [child for child in component if child.tag in _OF_PLACES]:
        component.remove(child)
    texts.split(component)
    return component


def of_labels(app_id: str, config: ImageConfig, *, desktop: bool, command: str) -> ET.Element:
    """The component of an image without metainfo; `desktop`: a desktop file of its own starts it."""
    component = ET.Element("component", type="desktop-application" if desktop else "console-application")
    name = _line(title_of(config))[: texts.NAME_LENGTH] or app_id.rpartition(".")[2]
    said = _line(config.label(_DESCRIPTION) or "") or name
    _text(component, "id", app_id)
    _text(component, "name", name)
    _text(component, "summary", said[:_SUMMARY].rstrip(". ") or name)
    _text(ET.SubElement(component, "description"), "p", said)
    if licenses := config.label(_LICENSES):
        _text(component, "project_license", _line(licenses))
    if (url := config.label(_URL) or "").startswith("https://"):
        _text(component, "url", _line(url), type="homepage")
    if desktop:
        _text(component, "launchable", f"{app_id}.desktop", type="desktop-id")
    elif command:
        _text(ET.SubElement(component, "provides"), "binary", _line(command.rpartition("/")[2]))
    version = _line(version_in(config))
    if version and config.created:  # a release is of some day
        releases = ET.SubElement(component, "releases")
        ET.SubElement(releases, "release", version=version, timestamp=str(config.created))
    return component


def listed(component: ET.Element, reference: Reference, app_id: str, sizes: Iterable[str]) -> ET.Element:
    """The component, with where the app is and which icons lie beside the catalogue (64x64, 64x64@2, …).

    Metainfo may call an app ID.desktop, as was usual once; what is installed is not called so.
    """
    for own in component.findall("id"):
        own.text = app_id
    for size in sizes:
        _text(component, "icon", f"{app_id}.png", type="cached", **icon_attributes(size))
    _text(ET.SubElement(component, "custom"), "value", str(reference), key=REFERENCE_KEY)
    return component


def shorten(component: ET.Element) -> list[str]:
    """Leave out of a component what is too much for any catalogue; what that was. Raises LimitExceeded."""
    left_out: list[str] = []
    for what, leave_out in (("older releases", _no_history), ("translated descriptions", _no_translations)):
        if _size(component) > COMPONENT_BYTES:
            leave_out(component)
            left_out.append(what)
    if (size := _size(component)) > COMPONENT_BYTES:
        raise LimitExceeded(f"a component of {size} bytes", limit=COMPONENT_BYTES)
    return left_out


def _no_history(component: ET.Element) -> None:
    for releases in component.findall("releases"):
        releases[1:] = []


def _no_translations(component: ET.Element) -> None:
    for description in component.findall("description"):
        if texts.LANG in description.attrib:
            component.remove(description)


def _size(component: ET.Element) -> int:
    return len(ET.tostring(component, encoding="unicode").encode())


def document(components: Iterable[ET.Element], origin: str) -> bytes:
    """The catalogue's own file; each component begins a line, for who compares two of them."""
    root = ET.Element("components", version="1.0", origin=origin)
    opening, closing = ET.tostring(root, encoding="unicode", short_empty_elements=False).split("><")
    lines = [ET.tostring(component, encoding="unicode").strip() for component in components]
    return "\n".join(
        ['<?xml version="1.0" encoding="UTF-8"?>', f"{opening}>", *lines, f"<{closing}", ""]
    ).encode()


def _line(text: str) -> str:
    """One line of a label, which may hold what no XML can."""
    return "".join(character for character in " ".join(text.split()) if character.isprintable())


def _text(above: ET.Element, tag: str, text: str, **attributes: str) -> None:
    ET.SubElement(above, tag, attributes).text = text
