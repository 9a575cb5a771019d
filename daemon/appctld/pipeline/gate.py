# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Who may move refs, and which refs a job in the middle of its work needs.

Imports run side by side; one job at a time moves app refs and `current`, or prunes. What a job has imported
and no record names yet is kept by being listed here.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager

from appctld.errors import Busy


class Gate:
    """One repository's gate; all jobs of a daemon share it."""

    def __init__(self) -> None:
        self._mutex = asyncio.Lock()
        self._kept: Counter[str] = Counter()
        self._checking = False

    @asynccontextmanager
    async def keeping(self, refs: Collection[str]) -> AsyncIterator[None]:
        """For the length of the block no prune drops `refs`. Waits for one that runs."""
        async with self._mutex:
            self._kept.update(refs)
        try:
            yield
        finally:
            self._kept.subtract(refs)

    @asynccontextmanager
    async def moving(self) -> AsyncIterator[set[str]]:
        """For the length of the block nobody else moves refs; gives the refs that jobs need."""
        async with self._mutex:
            yield self.needed()

    def needed(self) -> set[str]:
        """The refs that jobs need at this moment."""
        return {ref for ref, count in self._kept.items() if count > 0}

    @contextmanager
    def checking(self) -> Iterator[None]:
        """For the length of the block nobody else checks everything that is stored. Raises Busy at once."""
        if self._checking:
            raise Busy("what is stored is being checked already")
        self._checking = True
        try:
            yield
        finally:
            self._checking = False
