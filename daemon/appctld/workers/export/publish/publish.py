# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The operation `publish`: make an image, bring it where it is to go, and sign it.

Guarantees: every object was hashed, and every key found, before anything leaves; the name appears last, so
whoever sees it finds the signatures. Leaves to others: whose rights these are (the caller's), and how a
destination takes what it is given (destination.py).
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from appctld.errors import InvalidReference, NotFound
from appctld.model.digest import Digest
from appctld.model.jsonvalue import (
    Json,
    JsonObject,
    get_bool,
    get_object,
    get_str,
    get_string_map,
    get_strings,
)
from appctld.model.manifest import OCI_CONFIG, OCI_MANIFEST, Descriptor, read_platform
from appctld.workers.export.destination import Destination, opened, read_whole
from appctld.workers.export.publish.contentmap import MAP_BYTES, ContentMap, parse_map
from appctld.workers.export.publish.image import Image
from appctld.workers.export.publish.making import Wanted, make
from appctld.workers.export.publish.packing import MEDIA_TYPE, Packed, Packer
from appctld.workers.export.publish.signing.placing import place
from appctld.workers.export.publish.signing.signers import Signers
from appctld.workers.export.publish.source.source import open_source
from appctld.workers.protocol import Report

REPORT_SECONDS = 0.1  # what a bar can show


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
    told = _Told(report)
    with ExitStack() as stack:
        image = make(source, wanted, Packer(stack, told.packed))
        signatures = signers.sign(image.digest) if signers else None
        with opened(to) as destination:
            name = destination.tag or get_str(request, "name") or image.name
            written = _Leaving(image, destination, told).bring()
            places = place(signatures, destination, _layout(to)) if signatures else []
            destination.put_manifest(image.manifest, OCI_MANIFEST, name)
            destination.commit()
    return {
        "digest": str(image.digest),
        "commit": source.name,
        "name": name,
        "size": sum(layer.size for layer in image.layers),
        "layers": len(image.layers),
        "written": written,
        "signatures": list[Json](places),
    }


class _Told:
    """What the caller hears: bytes packed, then bytes that left; never fewer than before."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._packed = self._sent = 0
        self._reported = 0.0

    def packed(self, size: int) -> None:
        """So much more of the tars was made."""
        self._packed += size
        self._tell({"stage": "packing", "bytes": self._packed})

    def sent(self, size: int, total: int) -> None:
        """So much of all is at the destination."""
        self._sent = max(self._sent, size)
        self._tell({"stage": "writing", "bytes": self._sent, "total": total}, whole=size == total)

    def _tell(self, facts: JsonObject, *, whole: bool = False) -> None:
        if whole or time.monotonic() - self._reported >= REPORT_SECONDS:
            self._reported = time.monotonic()
            self._report(facts)


class _Leaving:
    """One image on its way."""

    def __init__(self, image: Image, destination: Destination, told: _Told) -> None:
        self._image = image
        self._destination = destination
        self._told = told

    def bring(self) -> int:
        """Write the blobs that are not there; how many bytes of layers that were."""
        layers = {layer.digest: layer for layer in self._image.layers}.values()
        total, done, written = sum(layer.size for layer in layers), 0, 0
        for layer in layers:
            blob = Descriptor(MEDIA_TYPE, layer.digest, layer.size)
            if not self._destination.has(blob):
                self._destination.put_blob(blob, partial(self._counted, layer, done, total))
                written += layer.size
            done += layer.size
            self._told.sent(done, total)
        config = Descriptor(OCI_CONFIG, Digest.of(self._image.config), len(self._image.config))
        if not self._destination.has(config):
            self._destination.put_blob(config, lambda: iter([self._image.config]))
        return written

    def _counted(self, layer: Packed, before: int, total: int) -> Iterator[bytes]:
        """The layer's bytes as they leave, behind `before` others; from its start, however often."""
        for piece in layer.chunks():
            yield piece
            before += len(piece)
            self._told.sent(before, total)


def _layout(to: JsonObject) -> Path | None:
    return Path(get_str(to, "path")) if get_str(to, "kind") == "directory" else None


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
