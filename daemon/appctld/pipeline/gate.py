# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Who may move refs, and which refs a job in the middle of its work needs.

Imports run side by side; one job at a time moves app refs and `current`, or prunes. What a job has imported
and no record names yet is kept by being listed here.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext

from appctld.errors import Busy


class Gate:
    """One repository's gate; all jobs of a daemon share it.

    While refs move the machine is asked to stay up: `staying_up` says so to whoever can put it to sleep.
    """

    def __init__(self, staying_up: Callable[[], AbstractAsyncContextManager[None]] = nullcontext) -> None:
        self._staying_up = staying_up
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
        async with self._mutex, self._staying_up():
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
