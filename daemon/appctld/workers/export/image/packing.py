# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""How tars are packed here, and whether a publisher packed one the same way.

Guarantees: the same libraries make the same bytes, with no time and no name in them. Flatpak packs with
zlib's default and without a time, and `appctl publish` as it is done here, so of their images the very blob
can be made again; other writers have compressors of their own, whose bytes nobody else makes (docs/adr/0028).
"""

import zlib
from collections.abc import Callable, Iterable, Iterator

from appctld.errors import InvalidReference, NotFound
from appctld.model.image import CONFIG_BYTES
from appctld.model.jsonvalue import JsonError, get_object, get_objects, get_str, parse_object
from appctld.model.manifest import COMPRESSION, OCI_LAYER, Descriptor
from appctld.workers.export.destination import Counted
from appctld.workers.export.gzipping import blocks, compressed, cores

LAYER_TYPES = {how: f"{OCI_LAYER}+{how}" for how in ("gzip", "zstd")}
MADE_BY = "appctl publish"  # in the history of what it made, but of chunks that have a name of their own
FLATPAK_REF = "org.flatpak.ref"
Way = Callable[[Iterable[bytes]], Iterator[bytes]]
_GZIP_LEVEL, _GZIP = 6, 31  # zlib's default; its largest window, in a frame of gzip without a time
_ZSTD_LEVEL = 3  # its own default


def packed(pieces: Iterable[bytes], how: str) -> Iterator[bytes]:
    """Pieces of a tar, compressed. Raises InvalidReference for a way that is none."""
    if how == "gzip":
        return _on_all_cores(pieces)
    if how == "zstd":
        return _zstd(pieces)
    raise InvalidReference(f"layers are compressed with {' or '.join(LAYER_TYPES)}")


def packed_as(blob: Descriptor, config: bytes, tar: Callable[[], Iterator[bytes]]) -> Iterator[bytes]:
    """A blob, made of its layer's tar, where the image's config names a writer who packs as can be done here.

    The digest says whether it was, before the first byte is given: a registry need not be sent what is not
    the blob. Raises NotFound.
    """
    way = _way_of(config) if COMPRESSION[blob.media_type] == "gzip" else None
    if way is None:
        raise NotFound("no writer is known that packs layers as they can be packed here")
    counted = Counted(way(tar()))
    for _ in counted:
        pass
    if (counted.size, counted.digest) != (blob.size, blob.digest):
        raise NotFound("packed again it is another one")
    return way(tar())


def _way_of(config: bytes) -> Way | None:
    """How the writer of an image packs; a guess, which a digest proves."""
    try:
        document = parse_object(config, CONFIG_BYTES)
        made = {get_str(step, "created_by", "") for step in get_objects(document, "history", [])}
        labels = get_object(get_object(document, "config", {}), "Labels", {})
    except JsonError:  # what is installed without a look at its history may have any
        return None
    if any(text.startswith(MADE_BY) for text in made):
        return _on_all_cores
    return _as_libarchive if FLATPAK_REF in labels else None


def _as_libarchive(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """One stream, in one piece, made on Unix."""
    compressor = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP)
    for piece in pieces:
        if data := compressor.compress(piece):
            yield data
    yield compressor.flush()


def _on_all_cores(pieces: Iterable[bytes]) -> Iterator[bytes]:
    with cores() as threads:
        yield from compressed(blocks(pieces), threads)


def _zstd(pieces: Iterable[bytes]) -> Iterator[bytes]:
    import zstandard  # noqa: PLC0415 - one of two

    compressor = zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compressobj()
    for piece in pieces:
        if data := compressor.compress(piece):
            yield data
    yield compressor.flush()
