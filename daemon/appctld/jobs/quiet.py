# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Work that needs the repository for itself, as a prune does, and under the gate, as all that moves refs.

Guarantees: it waits for who reads or writes objects, an audit or a download's import, while the gate is open,
so that only who asked for it waits. That it is tried at once or not at all is the store's to see to.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from appctld.errors import Busy
from appctld.pipeline.tools import Tools

PATIENCE = 20.0  # seconds that it is tried again for; the last wait may take as long as the store's own

T = TypeVar("T")


async def when_quiet(work: Callable[[], Awaitable[T]], tools: Tools) -> T:
    """Do it, as soon as nobody is in its way. Raises Busy, which `work` raises where somebody is."""
    clock = asyncio.get_running_loop()
    until = clock.time() + PATIENCE
    while True:
        await tools.store({"op": "quiet", "wait": True})
        try:
            return await work()
        except Busy:  # somebody was faster
            if clock.time() >= until:
                raise
