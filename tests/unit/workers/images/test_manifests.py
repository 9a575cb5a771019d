# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The manifests that a name leads to."""

import json
from pathlib import Path
from typing import cast

import pytest

from appctld.errors import BadManifest
from appctld.model.digest import Digest
from appctld.model.manifest import OCI_INDEX, OCI_MANIFEST
from appctld.workers.fetch.source import Source
from appctld.workers.images.manifests import manifests_of
from support.workers.shelves import platform
from support.workers.specimen import Specimen


@pytest.fixture
def specimen(tmp_path: Path) -> Specimen:
    return Specimen(tmp_path / "images")


class Liar:
    """A source that answers a digest with something else."""

    def __init__(self, raw: bytes, media_type: str) -> None:
        self._answer = raw, media_type

    def manifest(self, reference: str, limit: int = 0) -> tuple[bytes, str]:
        return self._answer


def test_an_index_leads_to_manifests_alone_and_to_those_that_it_names(specimen: Specimen) -> None:
    digest = specimen.write()
    raw = specimen.shelf.path(digest).read_bytes()
    entry = {**specimen.shelf.blob(raw), **platform("amd64")}
    index = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}).encode()
    honest = cast("Source", Liar(raw, OCI_MANIFEST))
    assert [str(found) for found, _ in manifests_of(index, OCI_INDEX, honest)] == [digest]
    inner = {**entry, "digest": str(Digest.of(index)), "size": len(index)}
    outer = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [inner]}).encode()
    for led, liar in ((index, Liar(raw + b" ", OCI_MANIFEST)), (outer, Liar(index, OCI_INDEX))):
        with pytest.raises(BadManifest, match="no manifest, or another one"):
            manifests_of(led, OCI_INDEX, cast("Source", liar))
