# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""model/digest.py: only one spelling of one algorithm may ever name a file."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appctld.errors import BadManifest
from appctld.model.digest import Digest

GOOD = "0123456789abcdef" * 4

HOSTILE = [
    ("", "empty"),
    ("sha256:", "no digits"),
    (GOOD, "no algorithm"),
    (f"sha256:{GOOD[:-1]}", "a digit short"),
    (f"sha256:{GOOD}0", "a digit long"),
    (f"sha256:{GOOD.upper()}", "upper case"),
    (f"SHA256:{GOOD}", "upper-case algorithm"),
    (f"sha512:{GOOD}{GOOD}", "another algorithm"),
    (f"sha256+b64:{GOOD}", "an algorithm with a component"),
    (f"md5:{GOOD[:32]}", "a broken algorithm"),
    (f"sha256:{GOOD}\n", "a line end, which $ would allow"),
    (f"\nsha256:{GOOD}", "a line before"),
    (f" sha256:{GOOD}", "a blank before"),
    (f"sha256: {GOOD[1:]}", "a blank inside"),
    (f"sha256:{GOOD[:-1]}\0", "NUL"),
    (f"sha256:../../../../etc/{GOOD[15:]}", "a path (CVE-2014-9358)"),
    (f"sha256:/{GOOD[1:]}", "an absolute path"),
    (f"sha256:{GOOD[:-2]}..", "dots"),
    (f"sha256:sha256:{GOOD}", "twice"),
    (f"sha256:0x{GOOD[2:]}", "a number's prefix"),
    (f"sha256:{GOOD[:-1]}g", "no hexadecimal digit"),
    (f"sha256:{GOOD[:-1]}\N{FULLWIDTH DIGIT ONE}", "a digit that only looks like one"),
    (f"sha256\N{FULLWIDTH COLON}{GOOD}", "a colon that only looks like one"),
    (f"sha256:{GOOD}@sha256:{GOOD}", "two digests"),
    ("sha256:" + "a" * 10_000, "long"),
]


@pytest.mark.parametrize(("text", "why"), HOSTILE)
def test_a_digest_that_is_not_plain_sha256_is_refused(text: str, why: str) -> None:
    with pytest.raises(BadManifest) as caught:
        Digest.parse(text)
    assert "etc" not in caught.value.message, "foreign text has no place in this sentence"


@pytest.mark.parametrize(("text", "why"), HOSTILE)
def test_no_way_of_making_one_skips_the_check(text: str, why: str) -> None:
    if text != GOOD:
        with pytest.raises(BadManifest):
            Digest(text)
    with pytest.raises(BadManifest):
        Digest(text.removeprefix("sha256:") if text != GOOD else f"sha256:{text}")


def test_the_one_spelling_comes_back() -> None:
    assert str(Digest.parse(f"sha256:{GOOD}")) == f"sha256:{GOOD}"


@given(st.binary(max_size=1000))
def test_the_digest_of_bytes_is_sha256(data: bytes) -> None:
    digest = Digest.of(data)
    assert digest.hex == hashlib.sha256(data).hexdigest()
    assert Digest.parse(str(digest)) == digest


@given(st.text(alphabet="sha256:0f/.\n", max_size=80))
def test_whatever_is_accepted_is_the_pattern(text: str) -> None:
    try:
        digest = Digest.parse(text)
    except BadManifest:
        return
    assert len(digest.hex) == 64
    assert set(digest.hex) <= set("0123456789abcdef")
