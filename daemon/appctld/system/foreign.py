# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Descriptors that a caller opened and sent to us.

They may lead to a file system that the caller runs. Every use of one can wait for it as long as the caller
likes, and closing is a use. Guarantees: nothing here waits. Reading them, and asking what they are, is left
to workers, which can be ended.
"""

import contextlib
import os
import threading


class Foreign(int):
    """The number of such a descriptor, for those who close it."""


def close(number: int) -> None:
    """Close a descriptor, in a thread of its own where that may wait.

    There are never more such threads than a process may have descriptors; where there can be none, we wait.
    """
    if isinstance(number, Foreign):
        with contextlib.suppress(RuntimeError):
            threading.Thread(target=os.close, args=(int(number),), daemon=True).start()
            return
    os.close(number)


class Handed:
    """One descriptor that came with a call: whoever took the call closes it, unless somebody keeps it."""

    def __init__(self, number: int) -> None:
        self._number: Foreign | None = Foreign(number)
        self._kept = False

    def keep(self) -> None:
        """From now on the caller of this closes it, with `close`."""
        self._kept = True

    def drop(self) -> None:
        """Close it, unless somebody keeps it."""
        if not self._kept:
            self.close()

    def close(self) -> None:
        """Close it, once."""
        number, self._number = self._number, None
        if number is not None:
            close(number)

    def duplicate(self) -> Foreign:
        """Another number of the same, for a worker that takes it over. Raises OSError."""
        if self._number is None:
            raise OSError(9, "the descriptor is closed")
        return Foreign(os.dup(self._number))
