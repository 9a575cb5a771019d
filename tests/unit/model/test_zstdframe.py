# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The window that a zstd frame asks for, against what zstd itself reads in it."""

import pytest
import zstandard

from appctld.errors import LimitExceeded
from appctld.model.digest import Digest
from appctld.model.manifest import ZSTD_WINDOW
from appctld.model.zstdframe import HEADER_BYTES, check_window, window_of


def header(*fields: int) -> bytes:
    """A frame's beginning, with rubbish behind it."""
    return b"\x28\xb5\x2f\xfd" + bytes(fields).ljust(HEADER_BYTES - 4, b"\xff")


@pytest.mark.parametrize("window_log", [10, 17, 23, 25, 26, 27, 31])
def test_of_what_comes_in_a_stream(window_log: int) -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=window_log)
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    data = stream.compress(b"x" * 100) + stream.flush()
    assert window_of(data) == zstandard.get_frame_parameters(data).window_size == 1 << window_log


@pytest.mark.parametrize("size", [0, 1, 255, 256, 65_791, 65_792, 1 << 20])
def test_of_what_is_kept_whole(size: int) -> None:
    data = zstandard.ZstdCompressor(write_content_size=True).compress(b"x" * size)
    assert window_of(data[:HEADER_BYTES]) == zstandard.get_frame_parameters(data).window_size


HEADERS = [
    (0x00, 0x78, 1 << 25),
    (0x00, 0x79, (1 << 25) + (1 << 22)),  # an eighth more
    (0x00, 0xAF, (1 << 31) + 7 * (1 << 28)),  # nearly the most that zstd itself reads
]


@pytest.mark.parametrize(("descriptor", "window", "size"), HEADERS)
def test_of_every_form_of_the_window(descriptor: int, window: int, size: int) -> None:
    data = header(descriptor, window)
    assert window_of(data) == zstandard.get_frame_parameters(data).window_size == size


def test_of_the_largest_window_that_can_be_written() -> None:
    """3.75 TiB, of which zstd says only that it is too much."""
    assert window_of(header(0x00, 0xFF)) == (1 << 41) + 7 * (1 << 38)


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ((0x20, 7), 7),
        ((0x21, 0xAA, 7), 7),  # behind the name of a dictionary
        ((0x62, 0xAA, 0xAA, 1, 2), 0x201 + 256),
        ((0xA3, 0xAA, 0xAA, 0xAA, 0xAA, 1, 2, 3, 4), 0x04030201),
        ((0xE3, 0xAA, 0xAA, 0xAA, 0xAA, 1, 2, 3, 4, 5, 6, 7, 8), 0x0807060504030201),
    ],
)
def test_of_every_form_of_the_size(fields: tuple[int, ...], size: int) -> None:
    data = header(*fields)
    assert window_of(data) == zstandard.get_frame_parameters(data).window_size == size


@pytest.mark.parametrize(
    "data", [b"", b"\x28\xb5\x2f\xfd", b"\x28\xb5\x2f\xfd\x00", b"\x1f\x8b" + b"\0" * 20]
)
def test_what_is_no_frame_has_none(data: bytes) -> None:
    assert window_of(data) == 0


def test_a_layer_may_ask_for_so_much_and_no_more() -> None:
    digest = Digest.of(b"layer")
    for start in (b"", b"\x1f\x8b", header(0x00, 0x78)):
        check_window(start, digest)
    with pytest.raises(LimitExceeded, match=f"layer {digest} .* window of {9 * ZSTD_WINDOW // 8} bytes"):
        check_window(header(0x00, 0x79), digest)
