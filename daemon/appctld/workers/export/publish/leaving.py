# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An image that is made leaves, signed.

Guarantees: the name appears last, so whoever sees it finds the signatures. Leaves to others: making the image
and the signatures, and how a destination takes what it is given (destination.py).
"""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from appctld.model.jsonvalue import Json, JsonObject, get_str
from appctld.model.manifest import OCI_CONFIG, OCI_MANIFEST, Descriptor
from appctld.workers.export.destination import Destination, opened, put_document
from appctld.workers.export.publish.image import Image
from appctld.workers.export.publish.packing import MEDIA_TYPE, Packed
from appctld.workers.export.publish.signing.placing import place
from appctld.workers.export.publish.signing.signers import Signatures
from appctld.workers.protocol import Report

REPORT_SECONDS = 0.1  # what a bar can show


class Told:
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


def leave(image: Image, signatures: Signatures | None, to: JsonObject, name: str, told: Told) -> JsonObject:
    """Bring it to its destination -> `{"digest", "name", "size", "layers", "written", "signatures"}`.

    `name` is what a layout calls it; a registry's tag is the destination's own. Raises what that raises.
    """
    with opened(to) as destination:
        called = destination.tag or name
        written = _Leaving(image, destination, told).bring()
        places = place(signatures, destination, _layout(to)) if signatures else []
        destination.put_manifest(image.manifest, OCI_MANIFEST, called)
        destination.commit()
    return {
        "digest": str(image.digest),
        "name": called,
        "size": sum(layer.size for layer in image.layers),
        "layers": len(image.layers),
        "written": written,
        "signatures": list[Json](places),
    }


class _Leaving:
    """One image on its way."""

    def __init__(self, image: Image, destination: Destination, told: Told) -> None:
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
        put_document(self._destination, self._image.config, OCI_CONFIG)
        return written

    def _counted(self, layer: Packed, before: int, total: int) -> Iterator[bytes]:
        """The layer's bytes as they leave, behind `before` others; from its start, however often."""
        for piece in layer.chunks():
            yield piece
            before += len(piece)
            self._told.sent(before, total)


def _layout(to: JsonObject) -> Path | None:
    return Path(get_str(to, "path")) if get_str(to, "kind") == "directory" else None
