# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Layers compressed anew, and the manifest that names them: the same contents under other digests.

Guarantees: the tars are those of the diffIDs, and the config, which names these, is the publisher's, byte for
byte; the same libraries make the same blobs. No signature of the publisher's holds over the new manifest.
"""

import json
import zlib
from collections.abc import Iterable, Iterator

from appctld.errors import InvalidReference
from appctld.model.jsonvalue import Json, JsonObject, get_object, parse_object
from appctld.model.manifest import MANIFEST_BYTES, OCI_MANIFEST, Descriptor
from appctld.workers.export.image.installed import Image

_CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"  # Docker's is the same but for its name
_LAYER = "application/vnd.oci.image.layer.v1.tar"
LAYER_TYPES = {"gzip": f"{_LAYER}+gzip", "zstd": f"{_LAYER}+zstd"}
_GZIP_LEVEL, _GZIP_FORM = (
    6,
    31,
)  # zlib's own default; 15 bits of window in gzip's frame, which has no time in it
_ZSTD_LEVEL = 3  # its own default


def compressed(pieces: Iterable[bytes], how: str) -> Iterator[bytes]:
    """Pieces of a tar, compressed. Raises InvalidReference for a way that is none."""
    if how == "gzip":
        return _gzip(pieces)
    if how == "zstd":
        return _zstd(pieces)
    raise InvalidReference(f"layers are compressed with {' or '.join(LAYER_TYPES)}")


def new_manifest(image: Image, layers: list[Descriptor]) -> bytes:
    """A manifest of these layers: what the publisher wrote about the image stays, about blobs it does not."""
    before = parse_object(image.manifest.raw, MANIFEST_BYTES)
    config = image.parsed.config
    document: JsonObject = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": _told(Descriptor(_CONFIG_TYPE, config.digest, config.size)),
        "layers": [_told(layer) for layer in layers],
    }
    if annotations := get_object(before, "annotations", {}):
        document["annotations"] = annotations
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def _told(blob: Descriptor) -> dict[str, Json]:
    return {"mediaType": blob.media_type, "digest": str(blob.digest), "size": blob.size}


def _gzip(pieces: Iterable[bytes]) -> Iterator[bytes]:
    compressor = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_FORM)
    for piece in pieces:
        if data := compressor.compress(piece):
            yield data
    yield compressor.flush()


def _zstd(pieces: Iterable[bytes]) -> Iterator[bytes]:
    import zstandard  # noqa: PLC0415 - one of two

    compressor = zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compressobj()
    for piece in pieces:
        if data := compressor.compress(piece):
            yield data
    yield compressor.flush()
