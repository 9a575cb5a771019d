# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""model/flatpak/index.py: which entries are candidates, and what no list may be."""

import json

import pytest

from appctld.errors import BadManifest, LimitExceeded
from appctld.model.digest import Digest
from appctld.model.flatpak.index import (
    INDEX_BYTES,
    OFFERS,
    FlatpakIndex,
    Offer,
    Wanted,
    index_query,
    parse_index,
)
from appctld.model.flatpak.ref import parse_ref
from appctld.model.jsonvalue import Json, JsonObject
from support.worlds.flatpaks import EDITOR, LOCALE, PLATFORM, entry, listed

DIGEST = "sha256:" + "1" * 64
ONE = (Wanted(PLATFORM),)


def offers(*entries: JsonObject, wanted: tuple[Wanted, ...] = ONE) -> tuple[Offer, ...]:
    """The candidates among these entries."""
    return parse_index(listed(*entries), wanted, "amd64").offers


def test_the_query_is_flatpaks() -> None:
    assert index_query("arm64") == (
        "index/static?label%3Aorg.flatpak.ref%3Aexists=1&architecture=arm64&os=linux&tag=latest"
    )


def test_an_entry_of_the_wanted_ref_is_a_candidate() -> None:
    found = parse_index(listed(entry(EDITOR, DIGEST), entry(PLATFORM, DIGEST)), ONE, "amd64")
    offer = Offer(PLATFORM, "x/org.acme.platform", "latest", Digest.parse(DIGEST))
    assert found == FlatpakIndex("/", (offer,))
    assert Offer.from_json(offer.to_json()) == offer


def test_an_image_in_a_list_is_named_by_the_list() -> None:
    of_list = "sha256:" + "2" * 64
    labels: JsonObject = {"org.flatpak.ref": str(PLATFORM)}
    image: JsonObject = {"OS": "linux", "Architecture": "amd64", "Labels": labels}
    several: JsonObject = {"Digest": of_list, "Tags": ["45"], "Images": [{**image, "Digest": DIGEST}]}
    (offer,) = offers({"Name": "a/b", "Lists": [several]})
    assert (str(offer.digest), offer.tag) == (of_list, "45")


@pytest.mark.parametrize(
    ("tags", "tag"),
    [
        (["latest", "45", "a"], "45"),
        (["z", "latest", "a"], "latest"),
        (["z", "a"], "a"),
        (["a b", "/", "x@sha256:1", "x:y"], ""),
        ([""], ""),
        ([], ""),
    ],
)
def test_the_branchs_own_tag_is_preferred(tags: list[Json], tag: str) -> None:
    assert [offer.tag for offer in offers(entry(PLATFORM, DIGEST, Tags=tags))] == [tag]


NO_CANDIDATES: list[JsonObject] = [
    entry(EDITOR, DIGEST),
    entry(PLATFORM, "sha256:1"),
    entry(PLATFORM, DIGEST, OS="windows"),
    entry(PLATFORM, DIGEST, Architecture="arm64"),
    entry(PLATFORM, DIGEST, Labels={}),
    entry(PLATFORM, DIGEST, Labels=None),
    entry(PLATFORM, DIGEST, Labels={"org.flatpak.ref": 1}),
    entry(PLATFORM, DIGEST, Labels={"org.flatpak.ref": "rubbish"}),
    entry(PLATFORM, DIGEST, Tags="latest"),
    entry(PLATFORM, DIGEST, name="Upper/case"),
    entry(PLATFORM, DIGEST, name="a//b"),
    entry(PLATFORM, DIGEST, name="../x"),
    entry(PLATFORM, DIGEST, name="a:b"),
    entry(PLATFORM, DIGEST, name="a@sha256:" + "1" * 64),
    entry(PLATFORM, DIGEST, name="x" * 300),
    {"Images": []},
    {"Name": "a/b", "Images": "x"},
    {"Name": "a/b", "Lists": [{"Images": 1}]},
    {"Name": "a/b", "Images": [1]},
]


@pytest.mark.parametrize("bad", NO_CANDIDATES)
def test_what_is_none_hides_no_other(bad: JsonObject) -> None:
    assert [offer.name for offer in offers(bad, entry(PLATFORM, DIGEST, name="honest"))] == ["honest"]


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"{}",
        b'{"Registry": "/"}',
        b'{"Registry": 1, "Results": []}',
        b'{"Registry": "/", "Results": [1]}',
        b'{"Registry": "/", "Registry": "/", "Results": []}',
        b'{"Registry": "/", "Results": ' + b"[" * 100_000,
        b'{"Registry": "/", "Results": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_a_document_that_is_no_list_is_refused(document: bytes) -> None:
    with pytest.raises(BadManifest):
        parse_index(document, ONE, "amd64")


def test_a_list_has_a_largest_size() -> None:
    document = listed(entry(PLATFORM, DIGEST))
    assert parse_index(document + b" " * (INDEX_BYTES - len(document)), ONE, "amd64").offers
    with pytest.raises(LimitExceeded):
        parse_index(document + b" " * (INDEX_BYTES - len(document) + 1), ONE, "amd64")


def test_there_are_so_many_candidates_and_no_more() -> None:
    many = [entry(PLATFORM, DIGEST, name=f"x/p{number}") for number in range(OFFERS)]
    assert len(offers(*many, many[0])) == OFFERS
    with pytest.raises(LimitExceeded):
        offers(*many, entry(PLATFORM, DIGEST))


@pytest.mark.parametrize(
    ("ref", "matches"),
    [
        (str(LOCALE), True),
        ("runtime/org.acme.Platform.Locale.de/x86_64/45", True),
        ("runtime/org.acme.Platform.Locale.de/x86_64/46", False),
        ("runtime/org.acme.Platform.Locale.de/i386/45", False),
        ("runtime/org.acme.Platform.Locales/x86_64/45", False),
        ("app/org.acme.Platform.Locale.de/x86_64/45", False),
    ],
)
def test_with_below_whatever_is_below_its_name_is_wanted(ref: str, *, matches: bool) -> None:
    wanted = Wanted.from_json(json.loads(json.dumps(Wanted(LOCALE, below=True).to_json())))
    assert wanted.matches(parse_ref(ref)) == matches
    assert Wanted.from_json(Wanted(LOCALE).to_json()).matches(parse_ref(ref)) == (ref == str(LOCALE))
