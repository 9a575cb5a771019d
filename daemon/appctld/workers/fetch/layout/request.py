# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The layout that a request is about, read once from the request.

The daemon checked all of it before; it is checked again here, because what is built from it are paths.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appctld.errors import InvalidReference, SignatureMissing
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonObject, get_bool, get_object, get_str
from appctld.model.reference import parse_reference
from appctld.workers.fetch.layout.archive import Archive
from appctld.workers.fetch.layout.directory import Directory
from appctld.workers.fetch.layout.docker import LIST, DockerRepository
from appctld.workers.fetch.layout.member import Files
from appctld.workers.fetch.layout.naming import Place
from appctld.workers.fetch.layout.repository import LayoutRepository
from appctld.workers.protocol import handed

_ANY_DIGEST = Digest.of(b"")


def asks_for_layout(request: JsonObject) -> bool:
    """Whether a request is about a layout, and not about a registry."""
    return bool(get_object(request, "layout", {}))


@contextmanager
def files_of(request: JsonObject) -> Iterator[Files]:
    """What holds the files: a directory, or a descriptor `bundle`, which is closed at the end.

    Raises InvalidReference, and as `Archive`.
    """
    path = get_str(get_object(request, "layout"), "directory", "")
    if path:
        if not Path(path).is_absolute() or ".." in Path(path).parts:
            raise InvalidReference("a layout's directory has a plain absolute path")
        yield Directory(Path(path))
        return
    bundle = handed(request, "bundle")
    try:
        yield Archive(bundle)
    finally:
        os.close(bundle)


def place_of(request: JsonObject) -> Place:
    """The repository that is wanted, and its remote's prefix. Raises InvalidReference."""
    layout = get_object(request, "layout")
    name = f"{get_str(layout, 'host')}/{get_str(request, 'repository')}"
    reference = parse_reference(f"{name}@{_ANY_DIGEST}")
    return Place(reference.host, reference.repository, get_str(layout, "prefix", ""))


@contextmanager
def repository_of(request: JsonObject) -> Iterator[LayoutRepository | DockerRepository]:
    """Its images. Raises SignatureMissing for those that nobody can have signed, if somebody must have."""
    with files_of(request) as files:
        place = place_of(request)
        if not isinstance(files, Archive) or "oci-layout" in files or LIST not in files:
            yield LayoutRepository(files, place)
            return
        if not get_bool(get_object(request, "layout"), "unsigned", default=False):
            raise SignatureMissing(
                "a docker archive holds no manifest that anyone could have signed;"
                " only a remote with verify=none takes it"
            )
        yield DockerRepository(files, place)
