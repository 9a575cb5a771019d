# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The manifest of layers that were packed anew: the same contents under other digests.

Guarantees: the config, which names the diffIDs, is the publisher's, byte for byte. No signature of the
publisher's holds over the new manifest.
"""

import json

from appctld.model.jsonvalue import JsonObject, get_object, parse_object
from appctld.model.manifest import MANIFEST_BYTES, OCI_CONFIG, OCI_MANIFEST, Descriptor
from appctld.workers.export.image.installed import Image


def new_manifest(image: Image, layers: list[Descriptor]) -> bytes:
    """A manifest of these layers: what the publisher wrote about the image stays, about blobs it does not."""
    before = parse_object(image.manifest.raw, MANIFEST_BYTES)
    config = image.parsed.config
    document: JsonObject = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": Descriptor(OCI_CONFIG, config.digest, config.size).to_json(),
        "layers": [layer.to_json() for layer in layers],
    }
    if annotations := get_object(before, "annotations", {}):
        document["annotations"] = annotations
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
