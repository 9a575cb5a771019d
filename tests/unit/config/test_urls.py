# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The URLs people write for remotes, and what a prefix covers."""

import pytest

from appctld.config.urls import Prefix, check_web_url, is_loopback, parse_url
from appctld.errors import InvalidReference
from appctld.model.reference import parse_reference

URLS = [
    ("oci+https://quay.io/acme", Prefix("quay.io", "acme"), False),
    ("docker://quay.io/acme", Prefix("quay.io", "acme"), False),
    ("https://quay.io/acme/", Prefix("quay.io", "acme"), False),
    ("quay.io/acme", Prefix("quay.io", "acme"), False),
    ("quay.io/acme/tools", Prefix("quay.io", "acme/tools"), False),
    ("registry.corp:5000", Prefix("registry.corp:5000", ""), False),
    ("https://registry.corp/", Prefix("registry.corp", ""), False),
    ("localhost/acme", Prefix("localhost", "acme"), False),
    ("oci+http://127.0.0.1:5000/acme", Prefix("127.0.0.1:5000", "acme"), True),
    ("oci+http://127.1.2.3:5000", Prefix("127.1.2.3:5000", ""), True),
    ("oci+http://localhost:5000/acme", Prefix("localhost:5000", "acme"), True),
    ("oci+http://[::1]:5000/acme", Prefix("[::1]:5000", "acme"), True),
]

WRONG = [
    "",
    "acme",
    "acme/editor",
    "http://127.0.0.1:5000/acme",
    "oci://quay.io/acme",
    "oci:/srv/images",
    "ftp://quay.io/acme",
    "HTTPS://quay.io/acme",
    "https://",
    "https:///acme",
    "https://quay.io//acme",
    "https://quay.io/acme//",
    "https://quay.io/Acme",
    "https://Quay.io/acme",
    "https://quay.io/acme:1",
    "https://quay.io/acme@sha256:" + "0" * 64,
    "https://user:secret@quay.io/acme",
    "https://quay.io/acme?x=1",
    "https://quay.io/acme#latest",
    "https://quay.io/../acme",
    "https://quay.io/acme/..",
    "https://quay.io/ac me",
    "https://-quay.io/acme",
]


@pytest.mark.parametrize(("text", "prefix", "plain_http"), URLS)
def test_a_registry_or_a_part_of_one(text: str, prefix: Prefix, plain_http: bool) -> None:  # noqa: FBT001
    assert parse_url(text, insecure=False) == (prefix, plain_http)


@pytest.mark.parametrize("text", WRONG)
def test_anything_else_is_no_remote(text: str) -> None:
    with pytest.raises(InvalidReference):
        parse_url(text, insecure=True)


@pytest.mark.parametrize(
    "host", ["registry.corp", "10.0.0.1:5000", "128.0.0.1", "127.0.0.1.evil.io", "[::2]:80"]
)
def test_plain_http_stays_on_this_machine_unless_the_file_says_otherwise(host: str) -> None:
    with pytest.raises(InvalidReference, match="loopback"):
        parse_url(f"oci+http://{host}/acme", insecure=False)
    with pytest.raises(InvalidReference, match="loopback"):
        check_web_url("lookaside", f"http://{host}/acme", insecure=False)
    assert parse_url(f"oci+http://{host}/acme", insecure=True) == (Prefix(host, "acme"), True)
    assert check_web_url("lookaside", f"http://{host}/acme", insecure=True) == f"http://{host}/acme"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://sigs.acme.example", "https://sigs.acme.example"),
        ("https://sigs.acme.example/", "https://sigs.acme.example"),
        ("https://sigs.acme.example:8443/a/b_c/", "https://sigs.acme.example:8443/a/b_c"),
        ("http://127.0.0.1:8080/sigs", "http://127.0.0.1:8080/sigs"),
    ],
)
def test_a_lookaside(text: str, expected: str) -> None:
    assert check_web_url("lookaside", text, insecure=False) == expected


@pytest.mark.parametrize(
    "text",
    [
        "sigs.acme.example",
        "file:///srv/sigs",
        "https://",
        "https://sigs.acme.example//a",
        "https://user@sigs.acme.example/",
        "https://sigs.acme.example/?q",
        "https://sigs.acme.example/#f",
        "https://sigs.acme.example/a b",
        "https://sigs.acme.example/\r\nX: y",
        "ftp://sigs.acme.example/",
    ],
)
def test_what_is_no_plain_web_url(text: str) -> None:
    with pytest.raises(InvalidReference, match="lookaside"):
        check_web_url("lookaside", text, insecure=True)


@pytest.mark.parametrize(
    ("prefix", "reference", "inside"),
    [
        (Prefix("quay.io", "acme"), "quay.io/acme/editor:1", True),
        (Prefix("quay.io", "acme"), "quay.io/acme:1", True),
        (Prefix("quay.io", "acme"), "quay.io/acme-evil/editor:1", False),
        (Prefix("quay.io", "acme"), "quay.io/acme-evil:1", False),
        (Prefix("quay.io", "acme"), "quay.io/other/acme:1", False),
        (Prefix("quay.io", "acme/tools"), "quay.io/acme/editor:1", False),
        (Prefix("quay.io", ""), "quay.io/any/thing:1", True),
        (Prefix("quay.io", ""), "quay.io:443/any/thing:1", False),
        (Prefix("quay.io", ""), "evil.quay.io/any/thing:1", False),
        (Prefix("quay.io", ""), "quay.io.evil/any/thing:1", False),
    ],
)
def test_a_prefix_covers_whole_components(prefix: Prefix, reference: str, inside: bool) -> None:  # noqa: FBT001
    assert prefix.covers(parse_reference(reference)) is inside


def test_a_prefix_reads_as_it_is_typed() -> None:
    assert [str(Prefix("quay.io", "acme")), str(Prefix("quay.io", ""))] == ["quay.io/acme", "quay.io"]


@pytest.mark.parametrize("host", ["", "localhost.evil.io", "2130706433", "::1", "[::1", "0.0.0.0"])  # noqa: S104
def test_what_only_looks_like_loopback(host: str) -> None:
    assert not is_loopback(host)
