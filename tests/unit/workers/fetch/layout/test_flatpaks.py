# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a layout offers of flatpak, by the names of its entries and the labels of its images."""

import json
from pathlib import Path

import pytest

from appctld.model.flatpak.index import Wanted
from appctld.model.flatpak.ref import FlatpakRef, parse_ref
from appctld.model.jsonvalue import JsonObject, get_objects
from appctld.model.manifest import OCI_INDEX
from appctld.workers.fetch.layout import flatpaks
from support.workers.inline import MemoryRegistry, digest_of
from support.workers.shelves import NAME, Shelf
from support.worlds.flatpaks import PLATFORM, labels, metadata

FIXTURES = Path(__file__).parents[4] / "fixtures"
GOLDEN = parse_ref("runtime/org.example.Platform/x86_64/1")


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "images")


def image(shelf: Shelf, ref: FlatpakRef = PLATFORM) -> bytes:
    """The manifest of a runtime whose config lies in the layout."""
    registry = MemoryRegistry()
    registry.push("1", [], Labels=labels(ref, metadata(ref)))
    for blob in registry.blobs.values():
        shelf.blob(blob)
    return registry.tags["1"]


def offers(shelf: Shelf, ref: FlatpakRef = PLATFORM, **changes: str) -> list[JsonObject]:
    """The candidates for one ref."""
    members: JsonObject = {"wanted": [Wanted(ref).to_json()], "architecture": "amd64"}
    answer, _ = shelf.run("index", members, **changes)
    assert (answer["registry"], answer["looked_at"]) == ("", str(shelf.directory))
    return get_objects(answer, "offers")


def places(found: list[JsonObject]) -> list[tuple[object, object]]:
    """Repository and tag of each."""
    return [(one["name"], one["tag"]) for one in found]


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("", ("acme/org.acme.platform", "")),
        (str(PLATFORM), ("acme/org.acme.platform", "")),
        ("registry.corp/platform:45", ("acme/org.acme.platform", "")),
        ("45", ("acme/org.acme.platform", "45")),
        ("tools/platform:45", ("acme/tools/platform", "45")),
        ("quay.io/acme/platform:45", ("acme/platform", "45")),
    ],
)
def test_a_runtime_is_offered_under_the_reference_that_leads_to_it(
    shelf: Shelf, name: str, place: tuple[str, str]
) -> None:
    digest = shelf.add(name, image(shelf))
    found = offers(shelf)
    assert places(found) == [place]
    assert (found[0]["ref"], found[0]["digest"]) == (str(PLATFORM), digest)
    repository, tag = place
    assert shelf.resolve(tag or digest, repository=repository)


def test_an_index_is_offered_by_what_it_has_for_the_platform(shelf: Shelf) -> None:
    manifest = shelf.blob(image(shelf))
    digest = shelf.add_index("45", {**manifest, "platform": {"os": "linux", "architecture": "amd64"}})
    assert [one["digest"] for one in offers(shelf)] == [digest]


def test_an_index_of_an_index_is_no_candidate(shelf: Shelf) -> None:
    place: JsonObject = {"platform": {"os": "linux", "architecture": "amd64"}}
    inner = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}).encode()
    shelf.add_index("45", {**shelf.blob(inner, OCI_INDEX), **place})
    shelf.add("platform:45", image(shelf))
    assert places(offers(shelf)) == [("acme/platform", "45")]


def test_what_cannot_be_read_hides_no_other(shelf: Shelf) -> None:
    shelf.add("a", b"rubbish")
    shelf.add("b", json.dumps({"schemaVersion": 2, "layers": []}).encode())
    shelf.add("other:1", image(shelf, parse_ref("runtime/org.acme.Other/x86_64/45")))
    shelf.add("tools/X:1", image(shelf))
    shelf.entries.append({**shelf.blob(b"{}"), "annotations": {NAME: str(PLATFORM)}})
    shelf.path(digest_of(b"{}")).unlink()
    shelf.write()
    shelf.add("platform:45", image(shelf))
    assert places(offers(shelf)) == [("acme/platform", "45")]


@pytest.mark.parametrize(("looked_into", "found"), [(1, []), (2, [("acme/platform", "45")])])
def test_only_so_many_images_are_looked_into(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, looked_into: int, found: list[tuple[str, str]]
) -> None:
    shelf.add("other:1", image(shelf, parse_ref("runtime/org.acme.Other/x86_64/45")))
    shelf.add("platform:45", image(shelf))
    monkeypatch.setattr(flatpaks, "LOOKED_INTO", looked_into)
    assert places(offers(shelf)) == found


def test_only_so_many_candidates_are_named(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than an answer may have would be no answer."""
    monkeypatch.setattr(flatpaks, "OFFERS", 2)
    for name in ("a:45", "b:45", "c:45"):
        shelf.add(name, image(shelf))
    assert places(offers(shelf)) == [("acme/a", "45"), ("acme/b", "45")]


def test_flatpaks_own_images_are_offered(shelf: Shelf) -> None:
    shelf.directory = FIXTURES / "images"
    assert places(offers(shelf, GOLDEN)) == [("acme/org.example.platform", "flatpak-runtime")]
