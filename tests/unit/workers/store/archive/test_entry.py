# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""entry.py: the short way to a path, for what lies where the last one did, says what the long way says."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from appctld.errors import AppctlError
from appctld.workers.store.archive.entry import DEPTH, PATH_BYTES, _parse_path, parse_path
from appctld.workers.store.ostree.tree import NAME_BYTES

PARTS = st.sampled_from([
    b"", b".", b"..", b"a", b"b ", "ü".encode(), b"\xc3", b"\xbc", b"\xed\xa0\x80", b"n\0l", b".wh.x",
    b"n" * NAME_BYTES, b"n" * (NAME_BYTES + 1), b"/".join([b"d"] * (DEPTH - 1)), b"p/" * (PATH_BYTES // 2),
])  # fmt: skip


def outcome(raw: bytes, *, short: bool) -> object:
    try:
        return parse_path(raw) if short else _parse_path(raw, "path")
    except AppctlError as error:
        return type(error), error.detail, error.data


@given(st.lists(PARTS, max_size=5).map(b"/".join))
@example(b"a/")
@example(b"/a")
@example(b"a//")
def test_a_path_is_read_alike_the_short_way_and_the_long_one(raw: bytes) -> None:
    for _ in range(2):  # the second time its directory is known
        assert outcome(raw, short=True) == outcome(raw, short=False)


@pytest.mark.parametrize("depth", [DEPTH, DEPTH + 1])
def test_a_name_in_a_known_directory_counts_for_its_depth(depth: int) -> None:
    parse_path(b"/".join([b"d"] * DEPTH))
    raw = b"/".join([b"d"] * depth)
    assert outcome(raw, short=True) == outcome(raw, short=False)
