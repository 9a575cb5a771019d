# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Names of what layers have and no deployment gets: as many as people read, and a record carries. Pure."""

import json

DROPPED_NAMES = 100  # what a person may want to read; more are counted in no answer
DROPPED_BYTES = 4 << 10  # of one answer's names as JSON: an image has 256 layers, and its record 1 MiB


class Dropped:
    """`names`, in the order in which they came."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._room = DROPPED_BYTES

    def add(self, name: str) -> None:
        """Note it, as long as there is room; a control character takes six bytes in JSON."""
        self._room -= len(json.dumps(name))
        if len(self.names) < DROPPED_NAMES and self._room >= 0:
            self.names.append(name)
