# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Addresses are read strictly, and shown without their secrets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appctld.workers.net.address import Origin, Url, is_public, names_loopback

HOSTILE = [
    ("ftp://example.org/", "another scheme"),
    ("file:///etc/passwd", "another scheme"),
    ("https://user:pw@example.org/", "a login"),
    ("https://user@example.org/", "a login"),
    ("https://good.example\\@evil.example/", "a backslash, which libraries read in two ways"),
    ("https://good.example\t.evil.example/", "a control character"),
    ("https://example.org/a b", "a space"),
    ("https://example.org/\r\nX: y", "a header of its own"),
    ("https://exämple.org/", "a letter that is not ASCII"),
    ("https:///path", "no host"),
    ("https://[::1/", "an open bracket"),
    ("https://example.org:123456/", "no port number"),
    ("//example.org/", "no scheme"),
    ("https://example.org/" + "a" * 9000, "too long"),
    ("https://example.org:65536/", "a port that no socket takes"),
]


@pytest.mark.parametrize(("text", "why"), HOSTILE)
def test_an_address_that_is_not_plain_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match="no plain http or https address"):
        Url.parse(text)


@pytest.mark.parametrize(
    ("text", "origin", "target"),
    [
        ("https://Example.ORG", Origin("https", "example.org", 443), "/"),
        ("https://example.org:443/v2/", Origin("https", "example.org", 443), "/v2/"),
        ("http://127.0.0.1:5000/a?b=c#d", Origin("http", "127.0.0.1", 5000), "/a?b=c"),
        ("http://[::1]:5000?b", Origin("http", "::1", 5000), "/?b"),
        (
            "https://s3.example/x/@sha256=ab/signature-1",
            Origin("https", "s3.example", 443),
            "/x/@sha256=ab/signature-1",
        ),
    ],
)
def test_an_address_is_an_origin_and_a_target(text: str, origin: Origin, target: str) -> None:
    assert Url.parse(text) == Url(origin, target)
    assert Url.parse(str(Url.parse(text))) == Url.parse(text)


@given(st.text())
def test_whatever_comes_is_an_address_or_a_value_error(text: str) -> None:
    try:
        url = Url.parse(f"https://example.org/{text}")
    except ValueError:
        return
    assert url.origin == Origin("https", "example.org", 443)


def test_the_query_is_neither_shown_nor_in_a_repr() -> None:
    url = Url.parse("https://example.org/blob?X-Signature=secret")
    assert url.shown == "https://example.org/blob"
    assert "secret" not in repr(url)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]
)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.0.3", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "64:ff9b::a00:1", "2002:a00:1::1", "224.0.0.1",
    ],
)  # fmt: skip
def test_private_loopback_and_link_local_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
def test_names_of_this_machine(host: str) -> None:
    assert names_loopback(host)


@pytest.mark.parametrize(
    "host", ["localhost.example.org", "127.0.0.1.example.org", "127.1", "2130706433", "10.0.0.1"]
)
def test_names_that_only_look_like_this_machine(host: str) -> None:
    assert not names_loopback(host)
