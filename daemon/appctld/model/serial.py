# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which keyring update of a publisher was the last, and which may come after it."""

from dataclasses import dataclass, replace
from typing import Self

from appctld.model.digest import Digest


@dataclass(frozen=True, slots=True)
class Serial:
    """The last update: its number, the digest of what was signed, and whether it is in force.

    It is not `settled` from before its keys are written until after: only then may the very same update come
    again, because a power cut may have stopped it half way. `revoked` are fingerprints of keys and subkeys
    that this update or any before it gave up: no later one brings them back.
    """

    number: int
    payload: Digest
    settled: bool
    revoked: frozenset[str] = frozenset()

    def admits(self, number: int, payload: Digest) -> bool:
        """Whether an update may follow this one."""
        again = not self.settled and (number, payload) == (self.number, self.payload)
        return again or number > self.number

    def joined(self, other: Self) -> Self:
        """What holds where both do: the later of them, and every key that either knows as revoked."""
        later = self if self.number > other.number else other
        return replace(later, revoked=self.revoked | other.revoked)
