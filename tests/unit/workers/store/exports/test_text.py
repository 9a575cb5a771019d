# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Text for people has a shape and a direction of its own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appctld.workers.store.exports.text import shown

CASES = [
    ("Editor", "Editor"),
    (" a  b ", "a  b"),
    ("a\nb\tc\u2028d", "a b c d"),
    ("a\x00\x1b[31m\x7f\x9b", "a[31m"),
    ("\u202egnp.exe\u2069\u200e\u200f\u061c", "gnp.exe"),
    ("\ufeff\u200b\u2060\u00ad\u180e\U000e0041", ""),
    ("\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\u034f", ""),
    ("\ue000\U000f0000", ""),
    ("\u06a9\u200c\u0645", "\u06a9\u200c\u0645"),
    ("\U0001f469\u200d\U0001f52c\ufe0f", "\U0001f469\u200d\U0001f52c\ufe0f"),
    ("日本語 العربية עברית", "日本語 العربية עברית"),
]


@pytest.mark.parametrize(("text", "seen"), CASES)
def test_what_has_no_shape_is_taken_out(text: str, seen: str) -> None:
    assert shown(text) == seen


@given(st.text(st.sampled_from("ab \t\n\u200b\u200c\u202e\u2028\u3164\ue000é"), max_size=12))
def test_text_that_was_cleaned_is_clean(text: str) -> None:
    assert shown(shown(text)) == shown(text)
