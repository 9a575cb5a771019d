# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which of an app's files may be exported at all: their directories, their names, their sizes.

Guarantees: a name belongs to the app's ID: it is the ID, or begins with the ID and a dot (an icon's may be
ID-symbolic). Case counts. Where one app's ID begins with another's and a dot, both may name a file: which of
them gets it is the farm's to decide.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

FILES = 512  # of one app, refused ones too: 12 sizes of its icon and of some tens of MIME types'
ALL_BYTES = 16 << 20  # of one app, together: what a desktop's caches are made of again and again
NAME_LENGTH = 255  # a file name's on every file system


class Kind(StrEnum):
    """What is read in a way of its own."""

    SERVICE = "service"
    DESKTOP = "desktop"
    METAINFO = "metainfo"
    MIME = "mime"
    PNG = "png"
    SVG = "svg"


FILES_OF: Mapping[Kind, int] = {  # of one app; all apps' are in one cache, which is bounded as well
    Kind.DESKTOP: 32,  # LibreOffice has eight
    Kind.METAINFO: 1,
    Kind.MIME: 4,
}
OPENED = 2048  # types that one app's desktop files open together; players know some hundred
LIMITS: Mapping[Kind, int] = {  # bytes of a file, read and written
    Kind.SERVICE: 16 << 10,  # three lines
    Kind.DESKTOP: 256 << 10,  # LibreOffice's, with a hundred languages and its actions, have 60 KiB
    Kind.METAINFO: 1 << 20,  # with all its releases in all languages
    Kind.MIME: 256 << 10,  # the host's own list of all types there are has 2 MiB, most of it translations
    Kind.PNG: 1 << 20,  # 512x512 and no compression at all
    Kind.SVG: 512 << 10,  # icons that were drawn by hand have 100 KiB
}

_NAME = r"(?P<name>[A-Za-z0-9_.-]+)"
_CONTEXT = r"(?:actions|apps|categories|devices|emblems|mimetypes|places|status)"
_SIZE = r"(?P<size>[1-9][0-9]{0,3})x(?P=size)(?:@(?P<scale>[1-4]))?"
PATTERNS: Mapping[Kind, tuple[re.Pattern[str], ...]] = {  # of paths below share/
    Kind.SERVICE: (re.compile(rf"dbus-1/services/{_NAME}\.service"),),
    Kind.DESKTOP: (re.compile(rf"applications/{_NAME}\.desktop"),),
    Kind.METAINFO: (
        re.compile(rf"metainfo/{_NAME}\.(?:metainfo|appdata)\.xml"),
        re.compile(rf"appdata/{_NAME}\.appdata\.xml"),  # where it was until 2016
    ),
    Kind.MIME: (re.compile(rf"mime/packages/{_NAME}\.xml"),),
    Kind.PNG: (re.compile(rf"icons/hicolor/{_SIZE}/{_CONTEXT}/{_NAME}\.png"),),
    Kind.SVG: (re.compile(rf"icons/hicolor/(?:scalable|symbolic|{_SIZE})/{_CONTEXT}/{_NAME}\.svg"),),
}
DIRECTORIES = ("applications", "dbus-1/services", "metainfo", "appdata", "mime/packages", "icons/hicolor")
PIXELS = 1024  # of an icon's side, scaled: desktops ask for 512 at most, and twice that on fine screens
_FURTHER = re.compile(r"(?:\.[A-Za-z0-9_-]+)*")
_SYMBOLIC = "-symbolic"


@dataclass(frozen=True, slots=True)
class Place:
    """What a path means; `pixels` is the side of an icon where its directory says one."""

    kind: Kind
    name: str
    pixels: int | None = None


def wanted(path: str, app_id: str) -> bool:
    """Whether an app's file at this path below share/ may be exported at all."""
    return place_of(path, app_id) is not None


def place_of(path: str, app_id: str) -> Place | None:
    """What the path means, if what is there may be this app's."""
    for kind, patterns in PATTERNS.items():
        for pattern in patterns:
            found = pattern.fullmatch(path)
            if found and _owned(kind, found["name"], app_id) and len(path.rpartition("/")[2]) <= NAME_LENGTH:
                return _sized(kind, found)
    return None


def owns(app_id: str, name: str) -> bool:
    """Whether a name is an app's: its ID, or what follows its ID and a dot, no part of it empty."""
    return name.startswith(app_id) and _FURTHER.fullmatch(name, len(app_id)) is not None


def owns_icon(app_id: str, name: str) -> bool:
    """The same of an icon, which may be drawn in one colour as well."""
    return owns(app_id, name.removesuffix(_SYMBOLIC))


def _owned(kind: Kind, name: str, app_id: str) -> bool:
    if kind is Kind.METAINFO:
        return name == app_id  # one component, whose ID is the app's
    return owns_icon(app_id, name) if kind in {Kind.PNG, Kind.SVG} else owns(app_id, name)


def _sized(kind: Kind, found: re.Match[str]) -> Place | None:
    size = found.groupdict().get("size")
    if size is None:
        return Place(kind, found["name"])
    pixels = int(size) * int(found["scale"] or "1")
    return Place(kind, found["name"], pixels) if pixels <= PIXELS else None
