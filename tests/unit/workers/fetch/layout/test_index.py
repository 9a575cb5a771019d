# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is no layout, and an index that lies."""

import json
from pathlib import Path

import pytest

from appctld.errors import AppctlError, BadManifest, CredentialScope, LimitExceeded, UnsupportedMediaType
from appctld.workers.fetch.layout.index import ENTRIES, INDEX_BYTES
from support.shelves import Shelf


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
