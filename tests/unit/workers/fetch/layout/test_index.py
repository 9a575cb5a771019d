# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is no layout, and an index that lies."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from appctld.errors import (
    AppctlError,
    BadManifest,
    CredentialScope,
    LimitExceeded,
    UnsafeArchive,
    UnsupportedMediaType,
)
from appctld.model.digest import Digest
from appctld.model.manifest import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from appctld.workers.fetch.layout.directory import Directory
from appctld.workers.fetch.layout.index import ENTRIES, INDEX_BYTES, Entry, read_index
from support.workers.shelves import Shelf


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    made = Shelf(tmp_path / "images")
    made.add("1", b"{1}")
    return made


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("oci-layout", None, BadManifest),
        ("index.json", None, BadManifest),
        ("oci-layout", "{}", BadManifest),
        ("oci-layout", "1.0.0", BadManifest),
        ("oci-layout", '{"imageLayoutVersion": 1}', BadManifest),
        ("oci-layout", '{"imageLayoutVersion": "1.1.0"}', UnsupportedMediaType),
        ("oci-layout", '{"imageLayoutVersion": "1.0.0", "imageLayoutVersion": "1.0.0"}', BadManifest),
        ("oci-layout", " " * (4 << 10) + "{}", LimitExceeded),
        ("index.json", "", BadManifest),
        ("index.json", "[]", BadManifest),
        ("index.json", "{}", BadManifest),
        ("index.json", '{"manifests": {}}', BadManifest),
        ("index.json", '{"manifests": [1]}', BadManifest),
        ("index.json", '{"manifests": [{}]}', BadManifest),
        ("index.json", '{"manifests": [], "manifests": []}', BadManifest),
        ("index.json", '{"manifests": ' + "[" * 100_000, BadManifest),
        ("index.json", " " * INDEX_BYTES + "{}", LimitExceeded),
    ],
)
def test_what_is_no_layout(name: str, text: str | None, error: type[AppctlError], shelf: Shelf) -> None:
    (shelf.directory / name).unlink()
    if text is not None:
        (shelf.directory / name).write_text(text)
    with pytest.raises(error):
        shelf.resolve("1")


@pytest.mark.parametrize(
    ("media_type", "name", "artifact", "is_image"),
    [
        (OCI_MANIFEST, "1", False, True),
        (OCI_INDEX, "", False, True),
        (DOCKER_MANIFEST, "quay.io/acme/editor:1", False, True),
        ("application/vnd.oci.image.layer.v1.tar", "1", False, False),
        (OCI_MANIFEST, "1", True, False),
        (OCI_MANIFEST, f"sha256-{'0' * 64}.sig", False, False),
        (OCI_MANIFEST, f"quay.io/acme/editor:sha256-{'0' * 64}", False, False),
        (OCI_MANIFEST, f"sha256-{'0' * 63}.sig", False, True),
    ],
)
def test_what_may_be_an_image(media_type: str, name: str, artifact: bool, is_image: bool) -> None:  # noqa: FBT001
    assert Entry(media_type, Digest.of(b""), 1, name, artifact).is_image is is_image


class Linked(Directory):
    """A layout of which it is known that it has a link."""

    links: Mapping[str, str] = {"lookaside": "/etc"}


def test_a_layout_has_no_links(shelf: Shelf) -> None:
    assert read_index(Directory(shelf.directory))
    with pytest.raises(UnsafeArchive, match="has links, which no OCI layout has: lookaside"):
        read_index(Linked(shelf.directory))


def test_an_index_has_so_many_entries(shelf: Shelf) -> None:
    shelf.entries *= ENTRIES
    shelf.write()
    assert shelf.resolve("1") == [b"{1}"]
    shelf.entries.append(shelf.entries[0])
    shelf.write()
    with pytest.raises(BadManifest, match="8193 entries"):
        shelf.resolve("1")


@pytest.mark.parametrize("annotations", [{"org.opencontainers.image.ref.name": 1}, "x", [1]])
def test_annotations_are_texts(annotations: object, shelf: Shelf) -> None:
    shelf.entries[0]["annotations"] = json.loads(json.dumps(annotations))
    shelf.write()
    with pytest.raises(BadManifest):
        shelf.resolve("1")


def test_nothing_is_fetched_from_elsewhere(shelf: Shelf) -> None:
    shelf.entries[0]["urls"] = ["https://evil.example/x"]
    shelf.write()
    with pytest.raises(CredentialScope):
        shelf.resolve("1")
