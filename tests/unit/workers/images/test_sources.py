# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is examined of a layout is all of it, or it is said that it is not."""

import json
from pathlib import Path

import pytest

from appctld.errors import LimitExceeded
from appctld.model.digest import Digest
from appctld.model.manifest import OCI_MANIFEST
from appctld.workers.fetch.layout.directory import Directory
from appctld.workers.images.sources import IMAGES, LayoutPlace


def layout(path: Path, images: int) -> LayoutPlace:
    entries = [
        {"mediaType": OCI_MANIFEST, "digest": str(Digest.of(bytes([number]))), "size": 1}
        for number in range(images)
    ]
    (path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))
    return LayoutPlace(Directory(path), "")


def test_as_many_images_as_are_examined_at_once_are_all_examined(tmp_path: Path) -> None:
    assert len(layout(tmp_path, IMAGES).images()) == IMAGES


def test_more_are_an_error_and_not_passed_over(tmp_path: Path) -> None:
    with pytest.raises(LimitExceeded):
        layout(tmp_path, IMAGES + 1).images()
