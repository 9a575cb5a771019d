# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A stock program as a filter between two descriptors: bytes in, bytes out, nothing believed."""

import asyncio
from collections.abc import Sequence

from appctld.errors import LimitExceeded
from appctld.system.child import child


async def pump(argv: Sequence[str], *, source: int, sink: int, deadline: float, what: str) -> int:
    """Run `argv` from `source` to `sink` (both taken over) and return its exit status.

    Raises LimitExceeded after `deadline` seconds; `what` names the program's job in that sentence.
    """
    try:
        async with asyncio.timeout(deadline), child(argv, stdin=source, stdout=sink) as process:
            return await process.wait()
    except TimeoutError as error:
        raise LimitExceeded(f"{what} took longer than {deadline:g} s", seconds=deadline) from error
