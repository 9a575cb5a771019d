# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The operation `publish`: make an image, bring it where it is to go, and sign it.

Guarantees: every object was hashed, and every key found, before anything leaves. Leaves to others: whose
rights these are (the caller's), and the way to the destination (leaving.py).
"""

from contextlib import ExitStack
from pathlib import Path

from appctld.errors import InvalidReference, NotFound
from appctld.model.jsonvalue import (
    JsonObject,
    get_bool,
    get_object,
    get_str,
    get_string_map,
    get_strings,
)
from appctld.model.manifest import read_platform
from appctld.workers.export.destination import read_whole
from appctld.workers.export.publish.contentmap import MAP_BYTES, ContentMap, parse_map
from appctld.workers.export.publish.leaving import Told, leave
from appctld.workers.export.publish.making import Wanted, make
from appctld.workers.export.publish.packing import Packer
from appctld.workers.export.publish.signing.signers import Signers
from appctld.workers.export.publish.source.source import open_source
from appctld.workers.protocol import Report


def publish(request: JsonObject, report: Report) -> JsonObject:
    """`{"source", "form", "platform", "labels", "entrypoint", "chunked", "map", "to", "name", "sign"}`.

    -> `{"digest", "commit", "size", "layers", "written", "signatures"}`. `source` is source.py's, `to`
    destination.py's, `sign` signers.py's; `map` is the path of a content map or ""; `name` is what a layout
    calls the image, "" for what its form suggests. Raises what these raise, InvalidReference, NotFound.
    """
    wanted = _wanted(request)
    _check_name(request)
    to = get_object(request, "to")
    signers = Signers.parse(get_object(request, "sign"), to)
    source = open_source(get_object(request, "source"))
    told = Told(report)
    with ExitStack() as stack:
        image = make(source, wanted, Packer(stack, told.packed))
        signatures = signers.sign(image.digest) if signers else None
        left = leave(image, signatures, to, get_str(request, "name") or image.name, told)
    return {**left, "commit": source.name}


def _check_name(request: JsonObject) -> None:
    """A registry's image has its tag, one of flatpak's its ref; any other must be given a name."""
    named = get_str(request, "name") or get_str(get_object(request, "to"), "tag", "")
    if not named and get_str(request, "form") != "flatpak":
        raise InvalidReference("a layout names its images", hint="--as HOST/REPOSITORY:TAG")


def _wanted(request: JsonObject) -> Wanted:
    return Wanted(
        form=get_str(request, "form"),
        platform=read_platform(get_object(request, "platform")),
        labels=get_string_map(request, "labels"),
        entrypoint=tuple(get_strings(request, "entrypoint")),
        chunked=get_bool(request, "chunked"),
        content=_content_map(get_str(request, "map")),
    )


def _content_map(path: str) -> ContentMap | None:
    if not path:
        return None
    try:
        with Path(path).open("rb") as file:
            return parse_map(read_whole(file, MAP_BYTES, path))
    except OSError as error:
        raise NotFound(
            f"{path}: {error.strerror}", hint="--chunked=FILE    (a content map)", path=path
        ) from error
