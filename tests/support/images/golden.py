# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The golden images that hold a commit, layer by layer (tests/fixtures/README.md)."""

import gzip
import json
from pathlib import Path

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
COMMIT = "f1295095a4cc6d06c08199cf29e2b8b932e960031ac1cabe923f6b22c85294de"


def layers_of(tag: str) -> list[bytes]:
    """The layers of a golden image, inflated."""
    name = "org.opencontainers.image.ref.name"
    index = json.loads((FIXTURES / "images/index.json").read_bytes())
    (digest,) = [item["digest"] for item in index["manifests"] if item["annotations"][name] == tag]
    manifest = json.loads(_blob(digest))
    return [gzip.decompress(_blob(layer["digest"])) for layer in manifest["layers"]]


def _blob(digest: str) -> bytes:
    return (FIXTURES / "images/blobs/sha256" / digest.removeprefix("sha256:")).read_bytes()
