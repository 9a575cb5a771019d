# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Take small documents out of a child's pipe without blocking the loop and without trusting their length."""

import asyncio
import os

from appctld.errors import LimitExceeded


async def collect(descriptor: int, limit: int) -> bytes:
    """Everything up to end of file from a pipe's read end, which is taken over. Raises LimitExceeded."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", buffering=0)
    )
    try:
        data = bytearray()
        while chunk := await reader.read(1 << 16):
            data += chunk
            if len(data) > limit:
                raise LimitExceeded(f"more than {limit} bytes where a small document was expected")
        return bytes(data)
    finally:
        transport.close()


def memory_file(name: str, data: bytes) -> int:
    """A descriptor, at its start, of a file that is only in memory and holds `data`."""
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC)
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(data)
        os.lseek(descriptor, 0, os.SEEK_SET)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
