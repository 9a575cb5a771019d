# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Layers become images in an OCI layout directory that skopeo, umoci and podman read; written by hand.

umoci would inflate and compress each layer again. One image a tag; what is not said here is as in
image-spec 1.1, image-layout.md.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inputs.layer import Layer

_ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
_TYPE = "application/vnd.oci.image."
_NAME = "org.opencontainers.image.ref.name"


@dataclass(frozen=True)
class Layout:
    """An OCI layout at `directory`, which need not be there yet."""

    directory: Path

    def add(
        self, tag: str, layers: Sequence[Layer], *, minute: int = 0, labels: Mapping[str, str] | None = None
    ) -> str:
        """The image `tag`, lowest layer first, made at that minute; its manifest's digest."""
        config = {
            "created": f"2024-01-01T{minute // 60:02}:{minute % 60:02}:00Z",
            "architecture": _ARCHITECTURE,
            "os": "linux",
            "config": {"Entrypoint": ["/usr/bin/true"], "Labels": dict(labels or {})},
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{_TYPE}manifest.v1+json",
            "config": self._document(config, "config.v1+json"),
            "layers": [self._layer(layer) for layer in layers],
        }
        entry = self._document(manifest, "manifest.v1+json")
        self._index({**entry, "annotations": {_NAME: tag}})
        return str(entry["digest"])

    def manifest_blob(self, tag: str) -> Path:
        """Where the manifest of `tag` lies; of an only image whatever it is called."""
        found = self._entries()
        (entry,) = [one for one in found if len(found) == 1 or one["annotations"][_NAME] == tag]
        return self.blob(entry["digest"])

    def manifest(self, tag: str) -> dict[str, Any]:
        """The manifest of `tag`."""
        manifest: dict[str, Any] = json.loads(self.manifest_blob(tag).read_bytes())
        return manifest

    def layers(self, tag: str) -> list[Layer]:
        """The layers of `tag`; how many entries they have is not said here (-1)."""
        manifest = self.manifest(tag)
        diff_ids = self._read(manifest["config"]["digest"])["rootfs"]["diff_ids"]
        blobs = [self.blob(layer["digest"]) for layer in manifest["layers"]]
        return [Layer(blob, diff_id, -1, -1) for blob, diff_id in zip(blobs, diff_ids, strict=True)]

    def blob(self, digest: str) -> Path:
        """Where the blob of that digest lies."""
        return self.directory / "blobs" / digest.replace(":", "/", 1)

    def _layer(self, layer: Layer) -> dict[str, Any]:
        with layer.blob.open("rb") as file:
            digest = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
        target = self.blob(digest)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(layer.blob, target)
            except OSError:  # another file system, or somebody else's
                shutil.copyfile(layer.blob, target)
        return {"mediaType": f"{_TYPE}layer.v1.tar+gzip", "digest": digest, "size": layer.size}

    def _document(self, value: object, kind: str) -> dict[str, Any]:
        data = json.dumps(value).encode()
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        target = self.blob(digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        return {"mediaType": _TYPE + kind, "digest": digest, "size": len(data)}

    def _index(self, entry: dict[str, Any]) -> None:
        tag = entry["annotations"][_NAME]
        others = [one for one in self._entries() if one["annotations"].get(_NAME) != tag]
        index = {"schemaVersion": 2, "manifests": [*others, entry]}
        (self.directory / "index.json").write_text(json.dumps(index))
        (self.directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')

    def _entries(self) -> list[dict[str, Any]]:
        index = self.directory / "index.json"
        if not index.exists():
            return []
        entries: list[dict[str, Any]] = json.loads(index.read_bytes())["manifests"] or []
        return entries

    def _read(self, digest: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.blob(digest).read_bytes())
        return document
