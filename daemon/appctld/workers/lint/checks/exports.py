# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What desktops read: desktop files, metainfo and icons, by their own validators where these are there.

Guarantees: the validators see the file and no network; one that is not there, or cannot be shut in, is said
and not run. Only what begins with the app's ID leaves the app.
"""

import struct
from collections.abc import Iterator, Sequence

from appctld.workers.images.image import Image
from appctld.workers.images.validators import DESKTOP, METAINFO, ask, missing
from appctld.workers.lint.findings import Findings
from appctld.workers.store.archive.entry import Type

PLACES = ("usr/share", "app/share", "export/share")  # of images on their own, on a runtime, of flatpak
_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


def check_exports(image: Image, found: Findings) -> None:
    """Look at all three."""
    desktops = [*_files(image, "applications", (".desktop",), found)]
    metainfo = [*_files(image, "metainfo", (".metainfo.xml", ".appdata.xml"), found)]
    icons = [*_files(image, "icons/hicolor", (".png", ".svg", ".svgz"), found)]
    contents = image.contents([*desktops, *metainfo, *icons])
    for path in desktops:
        _validate(DESKTOP, "desktop-invalid", path, contents, found)
    for path in metainfo:
        _validate(METAINFO, "metainfo-invalid", path, contents, found)
    for path in icons:
        _icon(path, contents.get(path, b""), found)
    if desktops and not icons:
        found.add("no-icon", desktops[0], "a desktop file, and no icon of the app's below icons/hicolor")


def _files(image: Image, directory: str, endings: tuple[str, ...], found: Findings) -> Iterator[str]:
    """The files that would be exported; others are said."""
    for place in PLACES:
        for path, node in image.tree.below(f"{place}/{directory}"):
            if node.entry.type is Type.DIRECTORY or not path.endswith(endings):
                continue
            name = path.rpartition("/")[2]
            if image.id and name.startswith(f"{image.id}."):
                yield path
            elif image.id:
                found.add("not-exported", path, f"its name does not begin with {image.id}.")
            else:
                found.add("not-exported", path, "without an ID in a label nothing is exported")


def _validate(
    command: Sequence[str], code: str, path: str, contents: dict[str, bytes], found: Findings
) -> None:
    if path not in contents:
        found.add(code, path, "no regular file, or too large for one")
        return
    if absent := missing(command):
        found.add("not-checked", path, f"{absent} is not installed here")
        return
    said = ask(command, path.rpartition("/")[2], contents[path])
    if said is None:
        found.add("not-checked", path, f"{command[0]} could not be run here")
    elif said:
        found.add(code, path, said)


def _icon(path: str, data: bytes, found: Findings) -> None:
    size = path.split("/icons/hicolor/")[1].partition("/")[0]
    if path.endswith(".png"):
        if not data.startswith(_PNG) or len(data) < len(_PNG) + 8:
            found.add("icon-invalid", path, "this is no PNG")
            return
        width, height = struct.unpack(">II", data[len(_PNG) : len(_PNG) + 8])
        wanted = _pixels(size)
        if wanted is not None and (width, height) != (wanted, wanted):
            found.add("icon-size", path, f"{width}x{height} where {wanted}x{wanted} stands in its path")
    elif path.endswith(".svg") and b"<svg" not in data:
        found.add("icon-invalid", path, "this is no SVG")


def _pixels(directory: str) -> int | None:
    """128x128 is 128, 128x128@2 is 256; None for scalable and symbolic."""
    size, _, scale = directory.partition("@")
    width = size.partition("x")[0]
    return int(width) * int(scale or "1") if width.isdecimal() and (scale or "1").isdecimal() else None
