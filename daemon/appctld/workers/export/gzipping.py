# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""gzip on all cores: one stream, of blocks that are compressed side by side and joined in their order.

Guarantees: the bytes depend on the content and on zlib alone, not on how it comes in pieces, nor on the
number of cores; memory is bounded by them. Each block knows the end of the one before as its dictionary, so
cutting costs next to nothing in size. Leaves to others: hashing. Source: RFC 1951 and 1952; zlib.h,
deflateSetDictionary.
"""

import os
import struct
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

BLOCK_BYTES = 1 << 20
_WINDOW = 1 << 15  # what deflate can look back at
_LEVEL = 6  # as gzip's own default
_RAW = -zlib.MAX_WBITS  # no header of its own
_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"  # no name, no time, no operating system
_LAST = b"\3\0"  # a final block with nothing in it
_THREADS = 8  # more would only hold more blocks: who makes the tar is one

Compressing = ThreadPoolExecutor


def cores() -> Compressing:
    """Threads that compress, for several streams one after the other; to be used as a context manager."""
    return ThreadPoolExecutor(_count(), thread_name_prefix="gzip")


def blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in blocks of one size, the last of which may be shorter, or empty."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        while size >= BLOCK_BYTES:
            whole = b"".join(held)
            yield whole[:BLOCK_BYTES]
            held, size = [whole[BLOCK_BYTES:]], size - BLOCK_BYTES
    yield b"".join(held)


def compressed(content: Iterable[bytes], threads: Compressing) -> Iterator[bytes]:
    """A gzip stream of `blocks`."""
    waiting: deque[Future[bytes]] = deque()
    before, size, checked = b"", 0, 0
    yield _HEADER
    for block in content:
        waiting.append(threads.submit(_deflated, block, before))
        before, size, checked = block[-_WINDOW:], size + len(block), zlib.crc32(block, checked)
        if len(waiting) > _count():
            yield waiting.popleft().result()
    for one in waiting:
        yield one.result()
    yield _LAST + struct.pack("<II", checked, size & 0xFFFFFFFF)


def _deflated(block: bytes, before: bytes) -> bytes:
    """A block that ends at a byte, so that the next can follow."""
    compressor = zlib.compressobj(
        _LEVEL, zlib.DEFLATED, _RAW, zlib.DEF_MEM_LEVEL, zlib.Z_DEFAULT_STRATEGY, before
    )
    return compressor.compress(block) + compressor.flush(zlib.Z_SYNC_FLUSH)


def _count() -> int:
    return min(len(os.sched_getaffinity(0)), _THREADS)
