# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A PNG is its pixels and what they need, in a size that is known and allowed."""

import base64
import struct
import subprocess
import zlib
from collections.abc import Iterable

import pytest

from appctld.workers.store.exports.emit import Exporter, Refused, emit, re_emit
from appctld.workers.store.exports.icons.png import CHUNKS, SIGNATURE, picture
from appctld.workers.store.exports.names import PIXELS

ID = "org.acme.Editor"
APP = Exporter(ID, ("/usr/bin/appctl", "run"))
PATH = f"icons/hicolor/16x16/apps/{ID}.png"
ROWS = zlib.compress(b"".join(bytes([0, *[row * 9] * 16]) for row in range(16)))
END = (b"IEND", b"")
PIXEL_DATA = (b"IDAT", ROWS)


def header(
    width: int = 16, height: int = 16, depth: int = 8, colour: int = 0, *rest: int
) -> tuple[bytes, bytes]:
    """The first chunk."""
    return b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, *(rest or (0, 0, 0)))


def png(*chunks: tuple[bytes, bytes], signature: bytes = SIGNATURE) -> bytes:
    """A file of these chunks."""
    return signature + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def names(data: bytes) -> list[str]:
    """The chunks that a file has."""
    found, at = [], len(SIGNATURE)
    while at < len(data):
        found.append(data[at + 4 : at + 8].decode())
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    return found


PLAIN = png(header(), PIXEL_DATA, END)
PALETTE = (b"PLTE", bytes(range(48)))
INDEXED = header(16, 16, 8, 3)


def test_a_picture_comes_out_as_it_was() -> None:
    for chunks in ([header()], [header(), (b"gAMA", bytes(4))], [INDEXED, PALETTE, (b"tRNS", b"\0")]):
        data = png(*chunks, PIXEL_DATA, PIXEL_DATA, END)
        assert re_emit(PATH, data, APP).data == data
        assert re_emit(PATH, data, APP).dropped == ()


def test_what_goes_with_a_picture_is_left_out_and_named_if_it_changes_the_looks() -> None:
    others = [(name, b"x" * 40) for name in (b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf", b"acTL", b"pHYs")]
    data = png(header(), *others, PIXEL_DATA, (b"fdAT", b"x"), PIXEL_DATA, (b"tIME", b"x"), END)
    emitted = re_emit(PATH, data, APP)

    assert emitted.data == png(header(), PIXEL_DATA, PIXEL_DATA, END)
    assert emitted.dropped == ("iCCP", "eXIf", "acTL")


@pytest.mark.parametrize(
    ("first", "chunk", "stays"),
    [
        (header(), (b"gAMA", bytes(4)), True),
        (header(), (b"gAMA", bytes(5)), False),
        (header(), (b"cHRM", bytes(32)), True),
        (header(), (b"cHRM", bytes(31)), False),
        (header(), (b"sRGB", bytes(1)), True),
        (header(), (b"sRGB", b""), False),
        (header(), (b"tRNS", bytes(2)), True),
        (header(), (b"tRNS", bytes(6)), False),
        (header(16, 16, 8, 2), (b"tRNS", bytes(6)), True),
        (header(16, 16, 8, 2), (b"tRNS", bytes(2)), False),
        (header(16, 16, 8, 4), (b"tRNS", bytes(2)), False),
        (header(16, 16, 8, 6), (b"tRNS", bytes(6)), False),
    ],
)
def test_what_says_how_colours_are_meant_stays_if_it_is_sound(
    first: tuple[bytes, bytes], chunk: tuple[bytes, bytes], *, stays: bool
) -> None:
    assert (chunk[0].decode() in names(picture(png(first, chunk, PIXEL_DATA, END)).data)) is stays


def test_it_is_said_once_and_before_the_pixels() -> None:
    gamma = (b"gAMA", bytes(4))

    assert names(picture(png(header(), gamma, gamma, PIXEL_DATA, gamma, END)).data) == [
        "IHDR", "gAMA", "IDAT", "IEND",
    ]  # fmt: skip
    assert names(picture(png(header(), PIXEL_DATA, gamma, END)).data) == ["IHDR", "IDAT", "IEND"]


def test_a_transparent_palette_is_no_longer_than_the_palette() -> None:
    for length, stays in ((16, True), (17, False), (0, False)):
        data = png(INDEXED, PALETTE, (b"tRNS", bytes(length)), PIXEL_DATA, END)
        assert ("tRNS" in names(picture(data).data)) is stays


def changed(at: int, byte: int) -> bytes:
    return PLAIN[:at] + bytes([byte]) + PLAIN[at + 1 :]


REFUSED: dict[str, bytes] = {
    "nothing": b"",
    "another format": b"GIF89a" + bytes(64),
    "a signature that was copied as text": png(header(), PIXEL_DATA, END, signature=b"\x89PNG\n\x1a\n"),
    "another signature": png(header(), PIXEL_DATA, END, signature=b"\x8aMNG\r\n\x1a\n"),
    "the signature alone": SIGNATURE,
    "no size": png(PIXEL_DATA, END),
    "a text in place of the size": png((b"tEXt", header()[1]), header(0xFFFF, 0xFFFF), PIXEL_DATA, END),
    "a long header": png((b"IHDR", header()[1] + b"\0"), PIXEL_DATA, END),
    "two sizes": png(header(), header(64, 64), PIXEL_DATA, END),
    "a size behind the pixels": png(header(), PIXEL_DATA, header(), END),
    "no pixels": png(header(), END),
    "no end": png(header(), PIXEL_DATA),
    "an end that holds something": png(header(), PIXEL_DATA, (b"IEND", b"x")),
    "something behind the end": PLAIN + b"PK\x03\x04",
    "another picture behind the end": PLAIN + PLAIN,
    "cut off": PLAIN[:-1],
    "cut off in the pixels": PLAIN[:60],
    "a damaged pixel": changed(45, 0xFF),
    "a damaged check": changed(len(PLAIN) - 1, 0),
    "a length beyond the end": changed(33, 0x7F),
    "an unknown chunk that is needed": png(header(), (b"EVIL", b""), PIXEL_DATA, END),
    "a chunk without a name": png(header(), (b"\0\0\0\0", b""), PIXEL_DATA, END),
    "pixels in two places": png(INDEXED, PIXEL_DATA, PALETTE, PIXEL_DATA, END),
    "a palette behind the pixels": png(INDEXED, PIXEL_DATA, PALETTE, END),
    "two palettes": png(INDEXED, PALETTE, PALETTE, PIXEL_DATA, END),
    "no palette": png(INDEXED, PIXEL_DATA, END),
    "an empty palette": png(INDEXED, (b"PLTE", b""), PIXEL_DATA, END),
    "a palette with half a colour": png(INDEXED, (b"PLTE", bytes(4)), PIXEL_DATA, END),
    "a palette larger than its depth": png(header(16, 16, 1, 3), (b"PLTE", bytes(9)), PIXEL_DATA, END),
    "a proposed palette that is too large": png(header(16, 16, 8, 2), (b"PLTE", bytes(771)), PIXEL_DATA, END),
    "too many chunks": png(header(), *[(b"IDAT", b"")] * CHUNKS, END),
    "no width": png(header(0, 16), PIXEL_DATA, END),
    "no height": png(header(16, 0), PIXEL_DATA, END),
    "a width of a bomb": png(header(PIXELS + 1, 16), PIXEL_DATA, END),
    "a height of a bomb": png(header(16, PIXELS + 1), PIXEL_DATA, END),
    "the largest sides": png(header(0xFFFFFFFF, 0xFFFFFFFF), PIXEL_DATA, END),
    "a depth that there is not": png(header(16, 16, 3, 0), PIXEL_DATA, END),
    "a depth of another kind": png(header(16, 16, 4, 2), PIXEL_DATA, END),
    "a kind of colour that there is not": png(header(16, 16, 8, 1), PIXEL_DATA, END),
    "another compression": png(header(16, 16, 8, 0, 1, 0, 0), PIXEL_DATA, END),
    "another filter": png(header(16, 16, 8, 0, 0, 1, 0), PIXEL_DATA, END),
    "another interlace": png(header(16, 16, 8, 0, 0, 0, 2), PIXEL_DATA, END),
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_picture_or_none_of_a_bounded_size_is_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        picture(data)


def test_interlaced_ones_and_the_largest_are_pictures() -> None:
    assert names(picture(png(header(16, 16, 8, 0, 0, 0, 1), PIXEL_DATA, END)).data)
    assert names(picture(png(header(PIXELS, PIXELS), PIXEL_DATA, END)).data)
    assert names(picture(png(header(), *[(b"IDAT", b"")] * (CHUNKS - 2), END)).data)
    assert names(picture(png(header(16, 16, 8, 2), (b"PLTE", bytes(768)), PIXEL_DATA, END)).data)


@pytest.mark.parametrize(("width", "height"), [(16, 15), (15, 16), (32, 32), (1, 1)])
def test_an_icon_has_the_size_of_its_directory(width: int, height: int) -> None:
    with pytest.raises(Refused, match=f"{width}x{height} where 16x16"):
        emit(PATH, png(header(width, height), PIXEL_DATA, END), APP)


def test_a_scaled_icon_has_as_many_pixels_as_its_scale_asks_for() -> None:
    path = f"icons/hicolor/8x8@2/apps/{ID}.png"

    assert emit(path, PLAIN, APP) == PLAIN


def drawn(pictures: Iterable[bytes]) -> list[bytes]:
    """What librsvg, and whatever decodes for it, makes of pictures."""
    found = []
    for data in pictures:
        link = f"data:image/png;base64,{base64.b64encode(data).decode()}"
        text = (
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="16"'
            f' height="16"><image width="16" height="16" xlink:href="{link}"/></svg>'
        )
        found.append(
            subprocess.run(["rsvg-convert"], input=text.encode(), capture_output=True, check=True).stdout
        )
    return found


def test_a_decoder_sees_the_same_pixels() -> None:
    noisy = png(header(), (b"tEXt", b"a\0b"), PIXEL_DATA, (b"tIME", bytes(7)), END)
    nothing = png(header(16, 16, 8, 4), (b"IDAT", zlib.compress(bytes(33 * 16))), END)
    before, after, empty = drawn([noisy, emit(PATH, noisy, APP), nothing])

    assert before == after != empty
