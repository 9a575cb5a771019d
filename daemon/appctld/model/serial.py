# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which keyring update of a publisher was the last, and which may come after it."""

from dataclasses import dataclass

from appctld.model.digest import Digest


@dataclass(frozen=True, slots=True)
class Serial:
    """The last update: its number, the digest of what was signed, and whether it is in force.

    It is not `settled` from before its keys are written until after: only then may the very same update come
    again, because a power cut may have stopped it half way.
    """

    number: int
    payload: Digest
    settled: bool

    def admits(self, number: int, payload: Digest) -> bool:
        """Whether an update may follow this one."""
        again = not self.settled and (number, payload) == (self.number, self.payload)
        return again or number > self.number
