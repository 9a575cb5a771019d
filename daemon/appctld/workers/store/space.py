# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The reserve of free space, which nothing that we write may touch.

Guarantees: who asks `Room` before each write leaves the reserve free, also while others write. Leaves to
others: how much is written (writer.py, receive.py, checkout.py).
"""

import os
from collections.abc import Callable

from appctld.errors import NoSpace

RESERVE_PERCENT = 3  # libostree's default of min-free-space-percent, for where no repository says another
LOOK_AGAIN = 64 << 20  # bytes written between two looks at the free space: others write too
_MEGABYTE = 1_000_000
BLOCK = 4096  # what an inode and the last block cost, roughly


def free(descriptor: int, reserve: int | None = None) -> int:
    """Bytes that may still be written to a descriptor's file system; `reserve` bytes (or 3 %) stay free."""
    room = os.fstatvfs(descriptor)
    kept = room.f_blocks * room.f_frsize * RESERVE_PERCENT // 100 if reserve is None else reserve
    return room.f_bavail * room.f_frsize - kept


class Room:
    """What may still be written; `look` says how many bytes are free now."""

    def __init__(self, look: Callable[[], int]) -> None:
        self._look = look
        self._allowance = 0

    def take(self, size: int) -> None:
        """Take `size` bytes from it; NoSpace, with `bytes_needed`, where the reserve would shrink."""
        needed = size + BLOCK
        if needed > self._allowance:
            free_now = self._look()
            if needed > free_now:
                missing = needed - free_now
                told = f"the disk is full: {-(-missing // _MEGABYTE)} MB more are needed above the reserve"
                raise NoSpace(told, bytes_needed=missing)
            self._allowance = min(free_now, needed + LOOK_AGAIN)
        self._allowance -= needed
