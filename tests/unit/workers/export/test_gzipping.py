# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""One gzip stream of many blocks."""

import gzip
import os
import random
import subprocess

import pytest

from appctld.workers.export import gzipping
from appctld.workers.export.gzipping import BLOCK_BYTES, blocks, compressed, cores


def text(size: int) -> bytes:
    """What compresses about as well as a program."""
    chosen = random.Random(7)  # noqa: S311 - the same everywhere
    words = [chosen.randbytes(7) for _ in range(500)]
    return b" ".join(chosen.choices(words, k=size // 8 + 1))[:size]


def stream(*pieces: bytes) -> bytes:
    with cores() as threads:
        return b"".join(compressed(blocks(pieces), threads))


@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 5 * BLOCK_BYTES + 7])
@pytest.mark.parametrize("program", ["gzip", "igzip"])
def test_other_programs_read_it(size: int, program: str) -> None:
    data = text(size)
    found = subprocess.run([program, "-dc"], input=stream(data), capture_output=True, check=True)
    assert found.stdout == data
    assert gzip.decompress(stream(data)) == data


def test_it_is_the_same_however_it_comes_and_on_however_many_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    data = text(3 * BLOCK_BYTES + 5)
    at_once = stream(data)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    assert stream(*(data[at : at + 70_001] for at in range(0, len(data), 70_001))) == at_once


def test_cutting_it_into_blocks_costs_less_than_a_hundredth() -> None:
    data = text(8 * BLOCK_BYTES)
    assert len(stream(data)) < 1.01 * len(gzip.compress(data, 6))


def test_of_a_large_stream_only_some_blocks_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(100)))
    came = iter([bytes(BLOCK_BYTES)] * 64)
    with cores() as threads:
        out = compressed(came, threads)
        next(out)  # the header
        next(out)
    assert len(list(came)) >= 64 - gzipping._THREADS - 1
