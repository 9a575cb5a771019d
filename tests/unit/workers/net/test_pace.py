# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""How slow a server may be."""

import pytest

from appctld.errors import RegistryUnavailable
from appctld.workers.net.pace import FLOOR_BYTES_PER_SECOND, FLOOR_SECONDS, Pace


def test_a_drip_is_too_slow_and_a_pause_is_not() -> None:
    drip = Pace("registry.example")
    drip.note(1, FLOOR_SECONDS - 1)
    with pytest.raises(RegistryUnavailable, match=r"registry\.example is too slow"):
        drip.note(1, 1.0)
    pause = Pace("registry.example")
    for _ in range(100):
        pause.note(0, FLOOR_SECONDS / 2)
        pause.note(int(FLOOR_BYTES_PER_SECOND * FLOOR_SECONDS), FLOOR_SECONDS / 2)


def test_fast_minutes_do_not_pay_for_slow_ones() -> None:
    pace = Pace("registry.example")
    pace.note(1 << 40, FLOOR_SECONDS)
    with pytest.raises(RegistryUnavailable):
        pace.note(1, FLOOR_SECONDS)
