# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Every finding on an image that has the fault and no other; and none on one that has none."""

from pathlib import Path
from typing import cast

import pytest

from appctld.errors import AppctlError, LimitExceeded, RegistryUnavailable
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonObject, get_strings
from appctld.model.manifest import OCI_MANIFEST
from appctld.workers.fetch.source import Source
from appctld.workers.lint.checks.signatures import _attached
from appctld.workers.lint.examine import IMAGES, lint
from support.workers.shelves import Shelf, platform
from support.workers.specimen import REFERENCE, File, Specimen, codes, examined


@pytest.fixture
def specimen(tmp_path: Path) -> Specimen:
    return Specimen(tmp_path / "images")


@pytest.mark.parametrize("compression", ["", "+gzip", "+zstd"])
def test_of_a_good_image_nothing_is_said_but_who_signed_it(compression: str, specimen: Specimen) -> None:
    specimen.layer_type = specimen.layer_type.partition("+")[0] + compression
    specimen.write()
    assert examined(specimen) == [
        {
            "image": REFERENCE,
            "code": "signed",
            "level": "note",
            "subject": REFERENCE,
            "sentence": "by cosign, with a key",
        }
    ]


def test_what_a_higher_layer_takes_away_is_not_there(specimen: Specimen) -> None:
    specimen.above = {"usr/bin/.wh.greet": File()}
    specimen.write()
    assert "command-missing" in codes(examined(specimen))


def test_what_a_higher_layer_brings_is_what_is_looked_at(specimen: Specimen) -> None:
    specimen.files["usr/bin/greet"] = File(b"x", 0o600)
    specimen.above = {"usr/bin/.wh..wh..opq": File(), "usr/bin/greet": File(b"#!/bin/sh\n", 0o755)}
    specimen.write()
    assert codes(examined(specimen)) == {"signed"}


def images(shelf: Shelf, number: int) -> JsonObject:
    """A layout of so many, none of which is there, examined."""
    digests = [str(Digest.of(bytes([one]))) for one in range(number)]
    shelf.entries = [{"mediaType": OCI_MANIFEST, "digest": digest, "size": 1} for digest in digests]
    shelf.write()
    return lint({"from": {"kind": "directory", "path": str(shelf.directory)}}, lambda _facts: None)


def test_as_many_images_as_are_examined_at_once_are_all_examined(tmp_path: Path) -> None:
    assert len(get_strings(images(Shelf(tmp_path), IMAGES), "images")) == IMAGES


def test_more_are_an_error_and_not_passed_over(tmp_path: Path) -> None:
    with pytest.raises(LimitExceeded):
        images(Shelf(tmp_path), IMAGES + 1)


def test_an_image_without_a_whole_name_can_be_given_one(specimen: Specimen) -> None:
    specimen.name = "v1"
    specimen.write()
    assert codes(examined(specimen, called=REFERENCE)) == {"signed"}


@pytest.mark.parametrize("damage", [b"x", b""])
def test_a_blob_that_is_another_is_no_image(damage: bytes, specimen: Specimen) -> None:
    specimen.write()
    largest = max((specimen.shelf.directory / "blobs/sha256").iterdir(), key=lambda path: path.stat().st_size)
    largest.write_bytes(damage + largest.read_bytes()[1:])
    (bad,) = [one for one in examined(specimen) if one["code"] == "bad-image"]
    assert str(bad["sentence"]).startswith(("DigestMismatch", "LimitExceeded"))


def test_what_is_no_layout_is_no_finding_but_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    for place in (
        {"kind": "directory", "path": str(tmp_path)},
        {"kind": "archive", "path": str(tmp_path / "file")},
        {"kind": "archive", "path": str(tmp_path / "nothing")},
        {"kind": "other"},
    ):
        with pytest.raises(AppctlError):
            lint({"from": {**place}}, lambda _facts: None)


def test_what_cannot_be_read_says_nothing_about_the_image(specimen: Specimen) -> None:
    digest = specimen.write()
    specimen.shelf.path(digest).chmod(0)
    with pytest.raises(RegistryUnavailable):
        examined(specimen)


class Unreachable:
    """A registry that is gone when it is asked for signatures."""

    def look(self, path: str, limit: int, absent: frozenset[int]) -> tuple[int, bytes]:
        raise RegistryUnavailable("timed out")


def test_signatures_that_could_not_be_looked_for_are_no_finding() -> None:
    with pytest.raises(RegistryUnavailable):
        _attached(cast("Source", Unreachable()), Digest.of(b"x"))


def test_every_platform_of_an_index_is_looked_at_but_no_attestation(specimen: Specimen) -> None:
    specimen.signed = False
    specimen.run = {"User": "nobody"}
    specimen.name = ""
    raw = specimen.shelf.path(specimen.write()).read_bytes()
    specimen.shelf.entries.clear()
    here, there = ({**specimen.shelf.blob(raw), **platform(name)} for name in ("amd64", "arm64"))
    unknown: JsonObject = {**here, "platform": {"os": "unknown", "architecture": "unknown"}}
    specimen.shelf.add_index(REFERENCE, here, there, unknown)
    assert [one["code"] for one in examined(specimen)].count("ignored") == 2
