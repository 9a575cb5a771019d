# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""PNG (Portable Network Graphics, third edition): what a picture is made of, and nothing that goes with it.

Guarantees: sound chunks in their order and nothing behind them; a size that is known before a pixel is, so
that it is bounded what a decoder needs; no text, no profile, no animation. The pixels themselves stay
deflated: what decodes them stops where the picture is full.
"""

import struct
from binascii import crc32
from collections.abc import Iterator
from dataclasses import dataclass

from appctld.workers.store.exports.exporter import Emitted, Exporter, Refused
from appctld.workers.store.exports.names import PIXELS, Place

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHUNKS = 4096  # of a file; writers cut the pixels into pieces of 8 KiB
_DEPTHS = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}  # by kind of colour
_PALETTE = 3
_COLOURS = 256  # of a palette, even of one that is only proposed
_AROUND_THE_PIXELS = ([b"IHDR", b"IEND"], [b"IHDR", b"PLTE", b"IEND"])
_TRANSPARENT = {0: 2, 2: 6}  # bytes that tell the colour that is none
_COLOUR = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1}  # how colours are meant, and how many bytes say so
_LOOKS = frozenset(
    {b"iCCP", b"cICP", b"eXIf", b"acTL"}
)  # without them it may look different, and stands still


@dataclass(frozen=True, slots=True)
class _Chunk:
    name: bytes
    data: bytes

    @property
    def needed(self) -> bool:
        """Whether who does not know it cannot decode the picture."""
        return self.name[:1].isupper()

    @property
    def written(self) -> bytes:
        """With its length and its check."""
        body = self.name + self.data
        return struct.pack(">I", len(self.data)) + body + struct.pack(">I", crc32(body))


def emit_png(place: Place, data: bytes, _app: Exporter) -> Emitted:
    """An icon of its directory's size. Raises Refused."""
    emitted = picture(data)
    size = struct.unpack(">II", emitted.data[16:24])
    if size != (place.pixels, place.pixels):
        raise Refused(f"{size[0]}x{size[1]} where {place.pixels}x{place.pixels} stands in its path")
    return emitted


def picture(data: bytes) -> Emitted:
    """Any picture of a bounded size. Raises Refused."""
    chunks = [*_chunks(data)]
    colour, depth = _header(chunks[0])
    names = [chunk.name for chunk in chunks if chunk.needed]
    around = [name for name in names if name != b"IDAT"]
    in_order = names == [*around[:-1], *[b"IDAT"] * names.count(b"IDAT"), *around[-1:]]
    if around not in _AROUND_THE_PIXELS or not in_order or len(names) == len(around) or chunks[-1].data:
        raise Refused("its chunks are not those of a picture, in their order")
    palette = b"".join(chunk.data for chunk in chunks if chunk.name == b"PLTE")
    colours = _palette(palette, colour, depth)
    kept = [*_kept(chunks, colour, colours)]
    gone = tuple(chunk.name.decode() for chunk in chunks if chunk.name in _LOOKS)
    return Emitted(SIGNATURE + b"".join(chunk.written for chunk in kept), gone)


def _kept(chunks: list[_Chunk], colour: int, colours: int) -> Iterator[_Chunk]:
    """What is needed, and before the pixels what says how colours are meant, once."""
    said: set[bytes] = set()
    for chunk in chunks:
        once = chunk.name not in said and b"IDAT" not in said
        if chunk.needed or (once and _says_colour(chunk, colour, colours)):
            said.add(chunk.name)
            yield chunk


def _chunks(data: bytes) -> Iterator[_Chunk]:
    """Every chunk, the last at the very end. Raises Refused."""
    if not data.startswith(SIGNATURE):
        raise Refused("this is no PNG")
    at = len(SIGNATURE)
    for _ in range(CHUNKS):
        length = int.from_bytes(data[at : at + 4], "big")
        body, check = data[at + 4 : at + 8 + length], data[at + 8 + length : at + 12 + length]
        if crc32(body).to_bytes(4, "big") != check or not body[:4].isalpha():
            raise Refused("a chunk is cut off or damaged")
        yield _Chunk(body[:4], body[4:])
        at += 12 + length
        if body[:4] == b"IEND":
            break
    if at != len(data):
        raise Refused("it goes on behind its end, or has no end")


def _header(chunk: _Chunk) -> tuple[int, int]:
    """Kind and depth of its colours. Raises Refused."""
    if chunk.name != b"IHDR" or len(chunk.data) != struct.calcsize(">IIBBBBB"):
        raise Refused("it does not begin with its size")
    width, height, depth, colour, compression, filtering, interlace = struct.unpack(">IIBBBBB", chunk.data)
    if not (0 < width <= PIXELS and 0 < height <= PIXELS):
        raise Refused(f"{width}x{height} pixels, of which a side has at most {PIXELS}")
    if depth not in _DEPTHS.get(colour, ()) or compression or filtering or interlace > 1:
        raise Refused("its colours are in no form that there is")
    return colour, depth


def _palette(data: bytes, colour: int, depth: int) -> int:
    """How many colours it has. Raises Refused."""
    count, rest = divmod(len(data), 3)
    if rest or count > (1 << depth if colour == _PALETTE else _COLOURS) or (colour == _PALETTE and not count):
        raise Refused("its palette is not one for its colours")
    return count


def _says_colour(chunk: _Chunk, colour: int, colours: int) -> bool:
    """Whether a chunk tells how colours are meant, as long as it has to be."""
    if chunk.name == b"tRNS" and colour == _PALETTE:
        return 0 < len(chunk.data) <= colours
    size = _TRANSPARENT.get(colour) if chunk.name == b"tRNS" else _COLOUR.get(chunk.name)
    return len(chunk.data) == size
