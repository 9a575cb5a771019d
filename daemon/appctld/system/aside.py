# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What touches files and takes its time, aside from the loop: the only thread that touches our state.

Guarantees: there is one such thread, which does one piece after the other in the order in which they came, so
that what is read, judged and written in one piece is never mixed with another; a piece that was handed over
is done whole, and who waits for it, a gate in its hand perhaps, goes on only then, cancelled or not.

Leaves to others: that a piece waits for nothing but the disk; it must not wait for the loop.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Aside:
    """The thread of one state directory, started when it is needed first."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "aside")

    async def __call__(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `work` returns, or raises. A cancel that comes meanwhile is raised when it is done."""
        doing = asyncio.wrap_future(self._thread.submit(work, *args, **kwargs))
        cancelled: asyncio.CancelledError | None = None
        while not doing.done():
            try:
                await asyncio.wait([doing])
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            doing.exception()  # looked at, else asyncio reports it as forgotten
            raise cancelled
        return doing.result()
