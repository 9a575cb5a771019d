# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is in layers that several images have."""

from pathlib import Path

import pytest

from appctld.model.digest import Digest
from appctld.model.manifest import Descriptor
from appctld.workers.fetch.layout.directory import Directory
from appctld.workers.fetch.layout.member import Member
from appctld.workers.fetch.layout.naming import Place
from appctld.workers.fetch.layout.repository import LayoutRepository
from appctld.workers.images import listings as module
from appctld.workers.images.layers import Blobs
from appctld.workers.images.listings import Listings
from support.workers.shelves import Shelf
from support.workers.specimen import LAYER, File, tar_of


class Counting(LayoutRepository):
    """A source that knows which blobs it was asked for."""

    def __init__(self, directory: Path) -> None:
        super().__init__(Directory(directory), Place("localhost", "any", ""))
        self.asked: list[Digest] = []

    def blob(self, digest: Digest, size: int) -> Member:
        self.asked.append(digest)
        return super().blob(digest, size)


@pytest.fixture
def layers(tmp_path: Path) -> tuple[Counting, list[Descriptor]]:
    shelf = Shelf(tmp_path / "images")
    tars = [tar_of({f"file{number}": File(b"x")}) for number in range(3)]
    found = [Descriptor(LAYER, Digest.parse(str(shelf.blob(tar)["digest"])), len(tar)) for tar in tars]
    return Counting(shelf.directory), found


def names(listings: Listings, source: Counting, layer: Descriptor) -> list[tuple[str, ...]]:
    """What one image that has the layer is told."""
    with Blobs(source) as blobs:
        return [entry.path for entry in listings.of(blobs, layer, layer.digest).entries]


def test_a_layer_of_two_images_is_fetched_once(layers: tuple[Counting, list[Descriptor]]) -> None:
    source, (layer, *_) = layers
    listings = Listings()
    assert names(listings, source, layer) == names(listings, source, layer) == [("file0",)]
    assert source.asked == [layer.digest]


def test_under_another_diffid_it_is_another(layers: tuple[Counting, list[Descriptor]]) -> None:
    """How a tar ends may be left out, and what is then added depends on what it must hash to."""
    source, (layer, *_) = layers
    listings = Listings()
    with Blobs(source) as blobs:
        first = listings.of(blobs, layer, layer.digest)
        assert listings.of(blobs, layer, Digest.of(b"other")) is not first


def test_the_one_that_was_not_asked_for_longest_is_forgotten(
    layers: tuple[Counting, list[Descriptor]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LAYERS", 2)
    source, (one, two, three) = layers
    listings = Listings()
    for layer in (one, two, one, three, one, two):
        names(listings, source, layer)
    assert source.asked == [layer.digest for layer in (one, two, three, two)]
