# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Values of desktop files are read as GLib reads them, and written as they were read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appctld.workers.store.exports.desktop.values import escaped, groups_of, joined, split, unescaped, written
from appctld.workers.store.exports.exporter import Refused
from support.gio import strings

TEXTS = ["a", "", " a ", "a\\b", "\\", "a\nb", "\t", "\r", "\\n", "ä\u202e", ";", "a;b\\;", "=[]#"]
LISTS = [["a"], ["a;b", "c"], ["\\", "\\;", ";\\"], [" a", "b "], ["ä", "\n"]]
NO_VALUE = ["\\", "\\x", "a\\", "\\N", "\\;", "\\\\\\"]
line = st.text(st.sampled_from("ab \\;\n\t\rsntr=[]#é"), max_size=12)


@given(line)
def test_a_string_is_read_as_it_was_written(text: str) -> None:
    assert unescaped(escaped(text)) == text
    assert "\n" not in escaped(text)


@given(st.lists(line.filter(bool), max_size=6))
def test_a_list_is_read_as_it_was_written(items: list[str]) -> None:
    assert split(joined(items)) == items


def test_glib_reads_strings_and_lists_as_they_were_meant() -> None:
    plain = [written({"G": {"k": escaped(text)}}).decode() for text in TEXTS]
    listed = [written({"G": {"l": joined(items)}}).decode() for items in LISTS]

    assert [found["G"]["k"] for found in strings(plain)] == TEXTS
    assert [found["G"]["l"] for found in strings(listed, "l")] == LISTS


@pytest.mark.parametrize("value", NO_VALUE)
def test_an_escape_without_meaning_makes_a_string_unreadable(value: str) -> None:
    assert unescaped(value) is None


@pytest.mark.parametrize("value", ["\\x", "a;b\\", "a;\\"])
def test_an_escape_without_meaning_makes_a_list_unreadable(value: str) -> None:
    assert split(value) is None


@pytest.mark.parametrize(
    "data",
    [b"[G]\nk=\xff", b"\xff\xfe[\0G\0]\0", b"k=v", b"[G]\nk", b"[G]\nk=1\nk=2", b"[G]\n[G]\n", b"[G]]\n"],
)
def test_what_is_no_key_file_is_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        groups_of(data)
