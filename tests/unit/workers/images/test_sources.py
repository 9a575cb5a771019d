# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a layout has is told whole: how many images are too many is for those to say who read them."""

import json
from pathlib import Path

from appctld.model.digest import Digest
from appctld.model.manifest import OCI_MANIFEST
from appctld.workers.fetch.layout.directory import Directory
from appctld.workers.images.sources import LayoutPlace
from appctld.workers.lint.examine import IMAGES


def layout(path: Path, images: int) -> LayoutPlace:
    entries = [
        {"mediaType": OCI_MANIFEST, "digest": str(Digest.of(bytes([number]))), "size": 1}
        for number in range(images)
    ]
    (path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))
    return LayoutPlace(Directory(path), "")


def test_every_image_of_a_layout_is_told_also_more_than_are_examined_at_once(tmp_path: Path) -> None:
    assert len(layout(tmp_path, IMAGES + 1).images()) == IMAGES + 1
