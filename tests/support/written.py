# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a child process tells a test through a named pipe, for which the loop waits and no thread."""

import asyncio
import os
from pathlib import Path

PATIENCE = 60.0  # seconds: a child that has not written by then never will


def named_pipe(directory: Path) -> Path:
    """Where a child may write."""
    path = directory / "ready"
    os.mkfifo(path)
    return path


async def written(pipe: Path) -> str:
    """All that is written until who wrote has closed it."""
    reader, loop = asyncio.StreamReader(), asyncio.get_running_loop()
    file = os.fdopen(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0)
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), file)
    try:
        async with asyncio.timeout(PATIENCE):
            return (await reader.read()).decode()
    except TimeoutError:
        raise AssertionError(f"nobody wrote to {pipe}") from None
    finally:
        transport.close()
