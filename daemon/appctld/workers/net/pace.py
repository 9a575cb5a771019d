# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""How slow a server may be: one that only drips is given up."""

from appctld.errors import RegistryUnavailable

FLOOR_BYTES_PER_SECOND = 1024  # a tenth of the slowest mobile network; less is an attack or a dead line
FLOOR_SECONDS = 30.0  # long enough for a handover between networks


class Pace:
    """Counts bytes against the time spent waiting for them; our own reader's time does not count."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._bytes = 0
        self._seconds = 0.0

    def note(self, count: int, seconds: float) -> None:
        """`count` bytes came in `seconds`. Raises RegistryUnavailable below the floor."""
        self._bytes += count
        self._seconds += seconds
        if self._seconds < FLOOR_SECONDS:
            return
        if self._bytes < FLOOR_BYTES_PER_SECOND * self._seconds:
            raise RegistryUnavailable(
                f"{self._host} is too slow: {self._bytes} bytes in {self._seconds:.0f} s", host=self._host
            )
        self._bytes, self._seconds = 0, 0.0
