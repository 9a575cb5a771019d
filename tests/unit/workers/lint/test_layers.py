# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A layer's bytes, unpacked and counted."""

import io
from pathlib import Path

import pytest
import zstandard

from appctld.errors import DigestMismatch, LimitExceeded, UnsafeArchive
from appctld.model.digest import Digest
from appctld.model.manifest import ZSTD_WINDOW, Descriptor
from appctld.workers.fetch.layout.directory import Directory
from appctld.workers.fetch.layout.naming import Place
from appctld.workers.fetch.layout.shelf import Shelf as ShelfSource
from appctld.workers.lint.layers import Unpacked, fetched
from support.shelves import Shelf

PLAIN = "application/vnd.oci.image.layer.v1.tar"


def unpacked(data: bytes, limit: int) -> Unpacked:
    return Unpacked(io.BytesIO(data), Descriptor(PLAIN, Digest.of(data), len(data)), limit=limit)


def test_what_comes_out_is_counted_and_hashed() -> None:
    data = b"x" * (3 << 20)
    with unpacked(data, len(data)) as layer:
        assert len(layer.some(1 << 30)) == 1 << 20  # as much as is held at once
        assert layer.read(2) == b"xx"
        assert sum(map(len, layer.rest())) == len(data) - (1 << 20) - 2
        assert (layer.digest, layer.left) == (Digest.of(data), 0)


def test_more_than_may_come_is_not_given() -> None:
    with unpacked(b"x" * 100, 99) as layer, pytest.raises(LimitExceeded):
        layer.read(100)


def test_a_blob_of_other_bytes_is_not_read(tmp_path: Path) -> None:
    """As many of them as the manifest says."""
    shelf = Shelf(tmp_path / "images")
    digest = Digest.parse(str(shelf.blob(b"right")["digest"]))
    source = ShelfSource(Directory(shelf.directory), Place("localhost", "any", ""))
    with fetched(source, Descriptor(PLAIN, digest, 5)) as file:
        assert file.read() == b"right"
    shelf.path(str(digest)).write_bytes(b"wrong")
    with pytest.raises(DigestMismatch):
        fetched(source, Descriptor(PLAIN, digest, 5))


@pytest.mark.parametrize(("window", "is_taken"), [(ZSTD_WINDOW, True), (2 * ZSTD_WINDOW, False)])
def test_a_window_as_large_as_when_it_is_installed(window: int, *, is_taken: bool) -> None:
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=window.bit_length() - 1)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    data = compressor.compress(b"x" * 100) + compressor.flush()
    blob = Descriptor(f"{PLAIN}+zstd", Digest.of(data), len(data))
    if is_taken:
        with Unpacked(io.BytesIO(data), blob) as layer:
            assert layer.read(100) == b"x" * 100
    else:
        with pytest.raises(LimitExceeded, match="a window of"):
            Unpacked(io.BytesIO(data), blob)


def test_what_is_no_zstd_is_said(tmp_path: Path) -> None:
    data = b"\x28\xb5\x2f\xfd" + b"\0" * 2 + b"\xff" * 100
    blob = Descriptor(f"{PLAIN}+zstd", Digest.of(data), len(data))
    with Unpacked(io.BytesIO(data), blob) as layer, pytest.raises(UnsafeArchive):
        layer.read(1)
