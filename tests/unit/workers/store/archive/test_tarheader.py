# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""tarheader.py: the checksum is the sum, whatever the bytes are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appctld.errors import UnsafeArchive
from appctld.workers.store.archive.tarheader import BLOCK, _sum, parse_header
from support.layers.tarball import header

WRAP = 65_521  # where the sum that the code adds up with begins again


@given(st.binary(min_size=BLOCK, max_size=BLOCK))
def test_the_sum_is_that_of_all_bytes(block: bytes) -> None:
    assert _sum(block) == sum(block)


@pytest.mark.parametrize("block", [b"\xff" * BLOCK, bytes(BLOCK), bytes(256) + b"\xff" * 256])
def test_the_largest_and_the_smallest_sums_are_right_too(block: bytes) -> None:
    assert _sum(block) == sum(block)


@pytest.mark.parametrize("off", [1, -1, WRAP, -WRAP, 8 * ord(" ")])
def test_another_checksum_is_refused(off: int) -> None:
    block = header(b"\xff" * 100, b"2", link=b"\xff" * 100, prefix=b"\xff" * 150)
    right = sum(block) - sum(block[148:156]) + 8 * ord(" ")
    assert right > WRAP
    wrong = block[:148] + b"%06o\0 " % (right + off) + block[156:]
    with pytest.raises(UnsafeArchive, match="checksum"):
        parse_header(wrong)


@pytest.mark.parametrize("form", [b"%06o\0 ", b"%07o\0", b"%6o\0 ", b"%07o ", b" %06o\0"])
def test_a_checksum_may_be_written_in_any_way_that_tools_write_it(form: bytes) -> None:
    block = header(b"name")
    total = sum(block) - sum(block[148:156]) + 8 * ord(" ")
    assert parse_header(block[:148] + form % total + block[156:]).name == b"name"
