# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""space.py: the reserve stays free, and a look at the disk is not made for every byte."""

import os
from pathlib import Path

import pytest

from appctld.errors import NoSpace
from appctld.workers.store import disk, space
from appctld.workers.store.space import BLOCK, LOOK_AGAIN, Room


def test_three_percent_or_what_a_repository_says_is_not_free(tmp_path: Path) -> None:
    with disk.opened(tmp_path) as directory:
        room = os.fstatvfs(directory)
        total, available = room.f_blocks * room.f_frsize, room.f_bavail * room.f_frsize
        assert space.free(directory, available + 1) < 0
        assert abs(space.free(directory) - (available - total * 3 // 100)) < 1 << 30  # others write


def test_room_is_looked_at_again_after_so_many_bytes() -> None:
    looks = []

    def look() -> int:
        looks.append(1)
        return 10 * LOOK_AGAIN

    room = Room(look)
    for _ in range(16):
        room.take(LOOK_AGAIN // 8 - BLOCK)
    assert len(looks) == 2


def test_room_that_is_not_there_is_not_given() -> None:
    room = Room(lambda: 10_000)
    room.take(10_000 - BLOCK)
    with pytest.raises(NoSpace) as raised:
        Room(lambda: 10_000).take(10_001 - BLOCK)
    assert raised.value.data == {"bytes_needed": 1}
    with pytest.raises(NoSpace):
        room.take(10_000)
