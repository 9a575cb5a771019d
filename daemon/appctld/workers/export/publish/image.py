# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The documents of an image: its config and its manifest, as the bytes that are hashed.

Guarantees: pure, and a function of what is given: members sorted, no blanks, no time but the image's own.
Leaves to others: the layers. Source: image-spec config.md and manifest.md.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from appctld.errors import LimitExceeded
from appctld.model.digest import Digest
from appctld.model.image import CONFIG_BYTES
from appctld.model.jsonvalue import Json, JsonObject
from appctld.model.manifest import OCI_CONFIG, OCI_MANIFEST, Descriptor, Platform
from appctld.workers.export.publish.packing import MEDIA_TYPE, Packed

_LAST_SECOND = 253402300799  # of the year 9999, the last that RFC 3339 can write


@dataclass(frozen=True)
class Said:
    """What an image says of itself; `created` is in seconds since 1970, `run` how it starts."""

    platform: Platform
    created: int
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    run: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Image:
    """An image that is ready to leave; `name` is what a layout calls it if nobody says otherwise."""

    layers: Sequence[Packed]
    config: bytes
    manifest: bytes
    name: str = ""

    @property
    def digest(self) -> Digest:
        """The manifest's."""
        return Digest.of(self.manifest)


def make_image(layers: Sequence[Packed], said: Said, name: str = "") -> Image:
    """Write config and manifest. Raises LimitExceeded."""
    config = _document(_config(layers, said))
    if len(config) > CONFIG_BYTES:
        raise LimitExceeded(
            f"an image config of more than {CONFIG_BYTES} bytes: labels are too long", limit=CONFIG_BYTES
        )
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(OCI_CONFIG, config),
        "layers": [_layer(layer) for layer in layers],
    }
    if said.annotations:
        manifest["annotations"] = dict(said.annotations)
    return Image(layers, config, _document(manifest), name)


def descriptor(media_type: str, data: bytes) -> JsonObject:
    """The descriptor of a blob."""
    return Descriptor(media_type, Digest.of(data), len(data)).to_json()


def _config(layers: Sequence[Packed], said: Said) -> dict[str, object]:
    created = _moment(said.created)
    return {
        **({"variant": said.platform.variant} if said.platform.variant else {}),
        "architecture": said.platform.architecture,
        "os": said.platform.os,
        "created": created,
        "config": {**said.run, "Labels": dict(said.labels)},
        "rootfs": {"type": "layers", "diff_ids": [str(layer.diff_id) for layer in layers]},
        "history": [{"created": created, "created_by": layer.made_by} for layer in layers],
    }


def _layer(layer: Packed) -> dict[str, object]:
    found = Descriptor(MEDIA_TYPE, layer.digest, layer.size).to_json()
    return {**found, "annotations": dict(layer.annotations)} if layer.annotations else {**found}


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(min(seconds, _LAST_SECOND), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _document(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
