# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A layer's bytes, unpacked and counted."""

import io
import resource
from pathlib import Path

import pytest
import zstandard

from appctld.errors import DigestMismatch, LimitExceeded, NoSpace, NotFound, UnsafeArchive
from appctld.model.digest import Digest
from appctld.model.manifest import ZSTD_WINDOW, Descriptor
from appctld.workers.fetch.layout.directory import Directory
from appctld.workers.fetch.layout.naming import Place
from appctld.workers.fetch.layout.repository import LayoutRepository
from appctld.workers.images.layers import Blobs, Unpacked
from support.descriptors import open_descriptors
from support.workers.shelves import Shelf

PLAIN = "application/vnd.oci.image.layer.v1.tar"


def source_of(shelf: Shelf) -> LayoutRepository:
    return LayoutRepository(Directory(shelf.directory), Place("localhost", "any", ""))


def unpacked(data: bytes, limit: int) -> Unpacked:
    return Unpacked(io.BytesIO(data), Descriptor(PLAIN, Digest.of(data), len(data)), limit=limit)


def test_what_comes_out_is_counted_and_hashed() -> None:
    data = b"x" * (3 << 20)
    layer = unpacked(data, len(data))
    assert len(layer.some(1 << 30)) == 1 << 20  # as much as is held at once
    assert layer.read(2) == b"xx"
    assert sum(map(len, layer.rest())) == len(data) - (1 << 20) - 2
    assert (layer.digest, layer.left) == (Digest.of(data), 0)


def test_more_than_may_come_is_not_given() -> None:
    with pytest.raises(LimitExceeded):
        unpacked(b"x" * 100, 99).read(100)


def test_a_blob_of_other_bytes_is_not_read(tmp_path: Path) -> None:
    """As many of them as the manifest says."""
    shelf = Shelf(tmp_path / "images")
    digest = Digest.parse(str(shelf.blob(b"right")["digest"]))
    blob = Descriptor(PLAIN, digest, 5)
    with Blobs(source_of(shelf)) as blobs:
        assert blobs.open(blob).read() == b"right"
    shelf.path(str(digest)).write_bytes(b"wrong")
    with Blobs(source_of(shelf)) as blobs, pytest.raises(DigestMismatch):
        blobs.open(blob)


def test_a_blob_is_fetched_once_and_nothing_of_it_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nothing_stays: None
) -> None:
    """In a registry it may have gigabytes; and they are not for a /tmp that is memory."""
    (tmp_path / "large").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "large"))
    shelf = Shelf(tmp_path / "images")
    digest = Digest.parse(str(shelf.blob(b"right")["digest"]))
    with Blobs(source_of(shelf)) as blobs:
        blob = Descriptor(PLAIN, digest, 5)
        assert blobs.open(blob).read() == b"right"
        assert any(f"{tmp_path}/large/" in where for where in open_descriptors().values())
        shelf.path(str(digest)).unlink()
        assert blobs.open(blob).read() == blobs.unpacked(blob).read(5) == b"right"
        with pytest.raises(NotFound):
            blobs.open(Descriptor(PLAIN, digest, 6))
    assert list((tmp_path / "large").iterdir()) == []


def test_where_there_is_no_room_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "nowhere"))
    shelf = Shelf(tmp_path / "images")
    digest = Digest.parse(str(shelf.blob(b"right")["digest"]))
    with Blobs(source_of(shelf)) as blobs, pytest.raises(NoSpace, match="nowhere cannot be written"):
        blobs.open(Descriptor(PLAIN, digest, 5))


def test_a_disk_that_is_full_half_way_is_no_other_blob(tmp_path: Path) -> None:
    data = bytes(100 << 10)
    shelf = Shelf(tmp_path / "images")
    digest = Digest.parse(str(shelf.blob(data)["digest"]))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Blobs(source_of(shelf)) as blobs:
        resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 10, before[1]))
        try:
            with pytest.raises(NoSpace):
                blobs.open(Descriptor(PLAIN, digest, len(data)))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


def framed(data: bytes, window: int) -> bytes:
    """One zstd frame that asks for such a window, as a stream is written."""
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=window.bit_length() - 1)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return compressor.compress(data) + compressor.flush()


def test_a_later_frame_has_no_larger_window_either() -> None:
    data = framed(b"x" * 100, ZSTD_WINDOW) + framed(b"y" * 100, 2 * ZSTD_WINDOW)
    layer = Unpacked(io.BytesIO(data), Descriptor(f"{PLAIN}+zstd", Digest.of(data), len(data)))
    with pytest.raises(UnsafeArchive):
        layer.read(200)


@pytest.mark.parametrize(("window", "is_taken"), [(ZSTD_WINDOW, True), (2 * ZSTD_WINDOW, False)])
def test_a_window_as_large_as_when_it_is_installed(window: int, *, is_taken: bool) -> None:
    data = framed(b"x" * 100, window)
    blob = Descriptor(f"{PLAIN}+zstd", Digest.of(data), len(data))
    if is_taken:
        assert Unpacked(io.BytesIO(data), blob).read(100) == b"x" * 100
    else:
        with pytest.raises(LimitExceeded, match=f"layer {blob.digest} is compressed with a window of"):
            Unpacked(io.BytesIO(data), blob)


def test_what_is_no_zstd_is_said(tmp_path: Path) -> None:
    data = b"\x28\xb5\x2f\xfd" + b"\0" * 2 + b"\xff" * 100
    blob = Descriptor(f"{PLAIN}+zstd", Digest.of(data), len(data))
    with pytest.raises(UnsafeArchive):
        Unpacked(io.BytesIO(data), blob).read(1)
