# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The INI dialect of remotes.d: what is read, what is refused, and that writing and reading agree."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from appctld.config.settings import FILE_BYTES, KEYS, NOT_YET, check_settings, read_settings, write_settings
from appctld.errors import InvalidReference

GOOD = b"""# a comment
; another one

[remote]
url = https://quay.io/acme
title=Acme = tools; 100% # no comment
enabled = yes
"""

WRONG = [
    (b"", "empty"),
    (b"url = quay.io/acme\n", "no section"),
    (b"[Remote]\nurl = quay.io/acme\n", "another section"),
    (b"[remote]\nurl = quay.io/a\n[other]\nx = y\n", "a second section"),
    (b"[DEFAULT]\nverify = none\n[remote]\nurl = quay.io/a\n", "defaults"),
    (b"[remote]\nurl = quay.io/a\n[remote]\ntitle = x\n", "the section twice"),
    (b"[remote]\nurl = quay.io/a\nurl = quay.io/b\n", "a key twice"),
    (b"[remote]\nurl = quay.io/a\nUrl = quay.io/b\n", "a key in another case"),
    (b"[remote]\nUrl = quay.io/a\n", "a key in upper case"),
    (b"[remote]\nurl: quay.io/a\n", "a colon"),
    (b"[remote]\nurl\n", "a key without a value"),
    (b"[remote]\nurl =\n", "an empty value"),
    (b"[remote]\nurl = quay.io/a\n  title = x\n", "a value of two lines"),
    (b"[remote] junk\nurl = quay.io/a\n", "words behind the section"),
    (b"[remote]]\nurl = quay.io/a\n", "another section's name"),
    (b"\xef\xbb\xbf[remote]\nurl = quay.io/a\n", "a byte order mark"),
    (b"[remote]\nurl = quay.io/\xff\n", "bytes that are no UTF-8"),
    (b"[remote]\nurl = quay.io/a\x00b\n", "a NUL"),
    (b"[remote]\ntitle = a\xe2\x80\xaeb\nurl = quay.io/a\n", "a bidi override"),
    (b"[remote]\nurl = quay.io/a\nfuture = yes\n", "an unknown key"),
    (b"[remote]\nurl = quay.io/a\n" + b"#" * FILE_BYTES, "too much"),
    (b"[remote]\nurl = quay.io/a\ntitle = " + b"x" * (9 << 10), "too long a value"),
]


def test_a_file() -> None:
    expected = {"url": "https://quay.io/acme", "title": "Acme = tools; 100% # no comment", "enabled": "yes"}
    assert read_settings(GOOD) == expected


@pytest.mark.parametrize(("data", "why"), WRONG, ids=[why for _, why in WRONG])
def test_what_is_no_remotes_file(data: bytes, why: str) -> None:
    with pytest.raises(InvalidReference):
        read_settings(data)


@pytest.mark.parametrize("key", sorted(NOT_YET))
def test_keys_of_later_versions_are_refused_by_name(key: str) -> None:
    with pytest.raises(InvalidReference, match=f"'{key}' is not supported by this version"):
        read_settings(f"[remote]\nurl = quay.io/a\n{key} = no\n".encode())


@pytest.mark.parametrize("value", ["", " x", "x ", "a\nverify = none", "a\rb", "a\tb", "a\x85b", "a\u2028b"])
def test_a_value_that_would_not_stay_one_line_is_never_written(value: str) -> None:
    with pytest.raises(InvalidReference):
        write_settings({"url": "quay.io/a", "title": value})


@given(some.dictionaries(some.sampled_from(KEYS), some.text(min_size=1, max_size=40).map(str.strip)))
def test_what_is_written_reads_back_as_the_same(settings: dict[str, str]) -> None:
    try:
        checked = check_settings(settings)
    except InvalidReference:
        with pytest.raises(InvalidReference):
            write_settings(settings)
    else:
        assert read_settings(write_settings(settings)) == checked
