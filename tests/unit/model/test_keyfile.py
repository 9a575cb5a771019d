# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors

import pytest

from appctld.model import keyfile
from appctld.model.keyfile import KeyfileError, parse_keyfile


def test_groups_keys_and_comments() -> None:
    text = "# c\n\n[A b]\nkey = v = w \n  \n[B]\nKey=\nkey=1\n"
    assert parse_keyfile(text) == {"A b": {"key": "v = w"}, "B": {"Key": "", "key": "1"}}


def test_only_ascii_blanks_are_blanks() -> None:
    assert parse_keyfile("[A]\n\xa0x = \xa01 ") == {"A": {"\xa0x": "\xa01"}}


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "x=1",
        "[A]\nx",
        "[A]\n=1",
        "[A]\nx=1\nx=2",
        "[A]\n[A]",
        "[]",
        "[A",
        "[AB",
        "[A]x",
        "[A[B]",
        "[A]B]",
        "[[A]]",
        "[A]\n [B]",
        "[A]\n\u2028",
    ],
)
def test_what_is_no_key_file_is_refused(text: str) -> None:
    with pytest.raises(KeyfileError):
        parse_keyfile(text)


def test_no_regular_expression_reads_a_strangers_line() -> None:
    """One that is quadratic in a line's blanks had frozen the bus for 12 seconds."""
    assert not {"re", "configparser"} & set(vars(keyfile))
