# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The manifests that a name stands for: one, or one of each platform."""

from appctld.errors import BadManifest
from appctld.model.digest import Digest
from appctld.model.manifest import Manifest, parse_document
from appctld.workers.fetch.source import Source


def manifests_of(raw: bytes, media_type: str, source: Source) -> list[tuple[Digest, Manifest]]:
    """The manifest, or those of an index, no attestation among them. Raises BadManifest."""
    document = parse_document(raw, media_type)
    if isinstance(document, Manifest):
        return [(Digest.of(raw), document)]
    found = []
    for entry in document.entries:
        if entry.platform is not None and entry.platform.os == "unknown":
            continue  # an attestation about another entry
        data, kind = source.manifest(str(entry.digest), entry.size)
        manifest = parse_document(data, kind)
        if not isinstance(manifest, Manifest) or Digest.of(data) != entry.digest:
            raise BadManifest("an index whose entry is no manifest, or another one")
        found.append((entry.digest, manifest))
    return found
