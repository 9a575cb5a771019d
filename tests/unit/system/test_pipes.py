# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""system/pipes.py: small documents out of pipes, and into memory."""

import asyncio
import contextlib
import os
import threading
from collections.abc import Iterator

import pytest

from appctld.errors import LimitExceeded
from appctld.system.pipes import collect, memory_file

pytestmark = pytest.mark.usefixtures("nothing_stays")


def fed(data: bytes) -> int:
    """The read end of a pipe that somebody writes `data` into and then closes."""
    reading, writing = os.pipe()

    def feed() -> None:
        with contextlib.suppress(BrokenPipeError), os.fdopen(writing, "wb") as file:
            file.write(data)

    thread = threading.Thread(target=feed)
    thread.start()
    feeders.append(thread)
    return reading


feeders: list[threading.Thread] = []


@pytest.fixture(autouse=True)
def feeders_end(nothing_stays: None) -> Iterator[None]:
    yield
    while feeders:
        feeders.pop().join()


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 300_000])
def test_everything_up_to_the_end_is_collected(size: int) -> None:
    data = os.urandom(size)
    assert asyncio.run(collect(fed(data), 300_000)) == data


@pytest.mark.parametrize("size", [101, 5_000_000])
def test_more_than_the_limit_is_refused(size: int) -> None:
    with pytest.raises(LimitExceeded, match="more than 100 bytes"):
        asyncio.run(collect(fed(b"x" * size), 100))


def test_endless_data_is_refused_while_it_comes() -> None:
    """Nothing waits for the end: the writer never closes."""
    reading, writing = os.pipe()
    os.write(writing, b"x" * 101)
    try:
        with pytest.raises(LimitExceeded):
            asyncio.run(asyncio.wait_for(collect(reading, 100), 30))
    finally:
        os.close(writing)


def test_a_cancelled_collector_closes_its_end() -> None:
    reading, writing = os.pipe()

    async def cancel() -> None:
        task = asyncio.create_task(collect(reading, 100))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    with pytest.raises(BrokenPipeError):
        os.write(writing, b"x")
    os.close(writing)


def test_a_memory_file_is_read_from_its_start() -> None:
    number = memory_file("x", b"some bytes")
    with os.fdopen(number, "rb") as file:
        assert not os.get_inheritable(number)
        assert file.read() == b"some bytes"
