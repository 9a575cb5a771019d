# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Writes a PNG (ISO/IEC 15948) of rows of pixels, with round corners."""

import struct
import zlib
from collections.abc import Sequence
from math import hypot

_RGBA, _UP = 6, 2


def png(rows: Sequence[bytes], *, corner: int = 0) -> bytes:
    """`rows` hold red, green and blue of every pixel; outside the corners' radius it is transparent."""
    width, height = len(rows[0]) // 3, len(rows)
    filtered, before = bytearray(), bytes(width * 4)
    for y, row in enumerate(rows):
        now = _opaque(row, y if y < height / 2 else height - 1 - y, corner)
        filtered.append(_UP)
        filtered += bytes((byte - above) & 255 for byte, above in zip(now, before, strict=True))
        before = now
    header = struct.pack(">IIBBBBB", width, height, 8, _RGBA, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(filtered, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _opaque(row: bytes, from_edge: int, corner: int) -> bytes:
    width = len(row) // 3
    made = bytearray(b"\xff" * (width * 4))
    for part in range(3):
        made[part::4] = row[part::3]
    for x in range(corner if from_edge < corner else 0):
        outside = hypot(corner - x - 0.5, corner - from_edge - 0.5) - corner
        alpha = round(255 * min(1.0, max(0.0, 0.5 - outside)))
        made[x * 4 + 3] = made[(width - 1 - x) * 4 + 3] = alpha
    return bytes(made)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
