# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Bytes that compress and differ as those of a distribution's files do: text, machine code, compressed data.

The same everywhere. Each texture is a pool of 1 MiB from which files are cut at an offset of their own; gzip
looks back 32 KiB, so what two files share outside of that does not help it.
"""

import io
import random
from enum import Enum

POOL = 1 << 20
_SEED = 1
_TEXT_WORDS, _CODE_WORDS = 1_500, 700  # gzip makes a third of text, and two fifths of code


class Texture(Enum):
    """What a file is like, and how large a part of all bytes is so, about as in Debian's GTK and Python."""

    TEXT = 0.45
    CODE = 0.50
    COMPRESSED = 0.05
    SPARSE = 0.0  # zeros; only where somebody asks for it


class Contents:
    """The bytes of every file, by its number."""

    def __init__(self) -> None:
        source = random.Random(_SEED)
        self._pools = {
            Texture.TEXT: _pool(source, [_word(source) for _ in range(_TEXT_WORDS)], b" "),
            Texture.CODE: _pool(source, [source.randbytes(4) for _ in range(_CODE_WORDS)], b""),
            Texture.COMPRESSED: source.randbytes(POOL),
            Texture.SPARSE: bytes(POOL),
        }

    def of(self, number: int, size: int, texture: Texture) -> io.RawIOBase:
        """The file with that number, to be read; the number stands at its beginning, so no two are one."""
        return _Cut(self._pools[texture], number, size)


class _Cut(io.RawIOBase):
    """A file that is read once, from its beginning; it is never in memory as a whole."""

    def __init__(self, pool: bytes, number: int, size: int) -> None:
        super().__init__()
        self._pool, self._left = pool, size
        self._head = number.to_bytes(8, "big")
        self._at = number * 7_919 % len(pool)  # a prime: neighbours begin far from each other

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, none at the end."""
        wanted = self._left if size < 0 else min(size, self._left)
        self._left -= wanted
        parts, self._head = [self._head[:wanted]], self._head[wanted:]
        wanted -= len(parts[0])
        while wanted:
            part = self._pool[self._at : self._at + wanted]
            self._at = (self._at + len(part)) % len(self._pool)
            parts.append(part)
            wanted -= len(part)
        return b"".join(parts)


def _word(source: random.Random) -> bytes:
    return "".join(source.choices("etaoinshrdlucmfwypvbgk", k=source.randint(2, 11))).encode()


def _pool(source: random.Random, words: list[bytes], between: bytes) -> bytes:
    """Words as often as in natural text: the second half as often as the first, the third a third (Zipf)."""
    weights = [1 / (rank + 1) for rank in range(len(words))]
    count = POOL // (min(map(len, words)) + len(between)) + 1
    return between.join(source.choices(words, weights, k=count))[:POOL]
