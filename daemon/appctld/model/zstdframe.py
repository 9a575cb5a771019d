# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""How much memory a zstd frame asks for, by its header (RFC 8878, 3.1.1). Pure; nothing is decompressed.

Guarantees: nothing but a number comes of any bytes, and one beyond what a layer may ask for is refused with
that number. Leaves to others: whether the frame is one, and what frames behind it ask for, which the decoder
sees to.
"""

from appctld.errors import LimitExceeded
from appctld.model.digest import Digest
from appctld.model.manifest import ZSTD_WINDOW

HEADER_BYTES = 18  # the largest: magic, descriptor, window, dictionary, size
_MAGIC = b"\x28\xb5\x2f\xfd"
_SINGLE_SEGMENT = 0x20
_DICTIONARY_BYTES = (0, 1, 2, 4)
_SIZE_BYTES = (1, 2, 4, 8)
_TWO_BYTES = 1
_LEAST = 6  # bytes without which there is no window
_LEAST_WINDOW_LOG = 10


def check_window(start: bytes, digest: Digest) -> None:
    """Raise LimitExceeded for a layer that its decoder would refuse without a word of why.

    What has no window passes: it is compressed otherwise, or not at all.
    """
    window = window_of(start)
    if window > ZSTD_WINDOW:
        raise LimitExceeded(
            f"layer {digest} is compressed with a window of {window} bytes, and may have {ZSTD_WINDOW}",
            limit=ZSTD_WINDOW,
        )


def window_of(start: bytes) -> int:
    """The window of the frame that begins here, in bytes; 0 where none does."""
    if not start.startswith(_MAGIC) or len(start) < _LEAST:
        return 0
    descriptor = start[4]
    if descriptor & _SINGLE_SEGMENT:
        return _content_size(descriptor, start[5:])
    exponent, mantissa = start[5] >> 3, start[5] & 7
    base = 1 << (_LEAST_WINDOW_LOG + exponent)
    return base + base // 8 * mantissa


def _content_size(descriptor: int, fields: bytes) -> int:
    """What all of it has, which is the window of a frame that is kept whole."""
    flag, dictionary = descriptor >> 6, _DICTIONARY_BYTES[descriptor & 3]
    size = int.from_bytes(fields[dictionary : dictionary + _SIZE_BYTES[flag]], "little")
    return size + 256 if flag == _TWO_BYTES else size
