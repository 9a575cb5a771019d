# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a request may say about where a pull comes from."""

from pathlib import Path

import pytest

from appctld.errors import AppctlError, CredentialScope, InvalidReference
from appctld.model.jsonvalue import Json, JsonObject
from appctld.workers.pull.source import REF_LENGTH, check_commit, check_ref, parse_source

COMMIT = "0123456789abcdef" * 4


def request(url: str = "https://ostree.example/repo", **changes: Json) -> JsonObject:
    return {"quarantine": "/q", "url": url, "ca": None, "parent": None, **changes}


@pytest.mark.parametrize(
    ("given", "url", "place"),
    [
        ("https://Ostree.example/repo", "https://ostree.example/repo", "ostree.example"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/", "127.0.0.1:8080"),
        ("file:///srv/my repo", "file:///srv/my%20repo", "/srv/my repo"),
        ("file:///srv/my%20repo", "file:///srv/my%20repo", "/srv/my repo"),
    ],
)
def test_an_address_is_read_once(given: str, url: str, place: str) -> None:
    source = parse_source(request(given))
    assert (source.url, source.place) == (url, place)


def test_the_rest_is_read_too() -> None:
    source = parse_source(request(ca="PEM", parent="/srv/parent", have=COMMIT))
    assert (source.quarantine, source.ca) == (Path("/q"), "PEM")
    assert (source.parent, source.have) == (Path("/srv/parent"), COMMIT)


HOSTILE: list[tuple[JsonObject, type[AppctlError]]] = [
    (request("http://ostree.example/repo"), CredentialScope),
    (request("ftp://ostree.example/repo"), InvalidReference),
    (request("https://user:password@ostree.example/repo"), InvalidReference),
    (request("https://ostree.example/repo?x=y"), InvalidReference),
    (request("https://ostree.example/\nproxy=x"), InvalidReference),
    (request("mirrorlist=https://ostree.example/"), InvalidReference),
    (request("file://srv/repo"), InvalidReference),
    (request("file:///srv/../repo"), InvalidReference),
    (request("file:///srv/%2e%2e/repo"), InvalidReference),
    (request("file:///srv/repo%0aproxy=x"), InvalidReference),
    (request(parent="srv/parent"), InvalidReference),
    (request(parent="/srv/../parent"), InvalidReference),
    (request(parent="/srv/parent\nx=y"), InvalidReference),
    (request(have="HEAD"), InvalidReference),
]


@pytest.mark.parametrize(("hostile", "leaf"), HOSTILE, ids=range(len(HOSTILE)))
def test_anything_else_is_refused(hostile: JsonObject, leaf: type[AppctlError]) -> None:
    with pytest.raises(leaf):
        parse_source(hostile)


@pytest.mark.parametrize(
    "text", ["", "x", COMMIT[1:], COMMIT + "0", COMMIT.upper(), COMMIT + "\n", f"../{COMMIT}"]
)
def test_a_commit_is_its_checksum(text: str) -> None:
    assert check_commit(COMMIT) == COMMIT
    with pytest.raises(InvalidReference):
        check_commit(text)


def test_a_ref_has_a_length() -> None:
    assert check_ref("a/b-c_d.e/f") == "a/b-c_d.e/f"
    assert check_ref("a" * REF_LENGTH)
    for text in ("a" * (REF_LENGTH + 1), COMMIT, "a\n", "origin:a"):
        with pytest.raises(InvalidReference):
            check_ref(text)
