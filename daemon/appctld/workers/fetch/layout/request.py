# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The layout that a request is about, read once from the request.

The daemon checked all of it before; it is checked again here, because what is built from it are paths.
"""

from pathlib import Path

from appctld.errors import InvalidReference
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonObject, get_object, get_str
from appctld.model.reference import parse_reference
from appctld.workers.fetch.layout.directory import Directory
from appctld.workers.fetch.layout.member import Files
from appctld.workers.fetch.layout.naming import Place

_ANY_DIGEST = Digest.of(b"")


def asks_for_layout(request: JsonObject) -> bool:
    """Whether a request is about a layout, and not about a registry."""
    return bool(get_object(request, "layout", {}))


def files_of(request: JsonObject) -> Files:
    """What holds the files. Raises InvalidReference."""
    path = Path(get_str(get_object(request, "layout"), "directory"))
    if not path.is_absolute() or ".." in path.parts:
        raise InvalidReference("a layout's directory has a plain absolute path")
    return Directory(path)


def place_of(request: JsonObject) -> Place:
    """The repository that is wanted, and its remote's prefix. Raises InvalidReference."""
    layout = get_object(request, "layout")
    name = f"{get_str(layout, 'host')}/{get_str(request, 'repository')}"
    reference = parse_reference(f"{name}@{_ANY_DIGEST}")
    return Place(reference.host, reference.repository, get_str(layout, "prefix", ""))
