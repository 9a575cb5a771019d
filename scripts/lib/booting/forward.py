# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Leads from ports of this machine's loopback to the same ports of another address.

forward.py ADDRESS PORT…      in the machine of scripts/boot-test: to the publisher, who is outside

Guarantees: what one side ends, the other is told; nothing is looked at.
"""

import asyncio
import sys
from contextlib import closing, suppress
from functools import partial

PIECE = 64 << 10  # bytes


async def main(address: str, ports: list[int]) -> None:
    """Serve until somebody ends us."""
    for port in ports:
        await asyncio.start_server(partial(_lead, address, port), "127.0.0.1", port)
    await asyncio.Event().wait()


async def _lead(address: str, port: int, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with closing(sink), suppress(OSError):
        back, forth = await asyncio.open_connection(address, port)
        with closing(forth):
            await asyncio.gather(_pass(source, forth), _pass(back, sink))


async def _pass(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while piece := await source.read(PIECE):
            sink.write(piece)
            await sink.drain()
        sink.write_eof()
    except OSError:
        sink.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], [int(port) for port in sys.argv[2:]]))
