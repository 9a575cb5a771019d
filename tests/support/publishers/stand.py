# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A publisher's stand: signed images of compressed layers behind tags that move, and what was asked for.

    with Keys() as keys, Stand(keys) as stand:
        stand.put("demo/hello:1", [("gzip", tar), ("zstd", tar)], created="2024-01-01T00:00:00Z")

Registry and lookaside in one server on loopback. What a real registry does is left to registry.py; here the
requests are counted, and an image is up in a millisecond.
"""

import gzip
import hashlib
import json
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import zstandard

from support.servers.fake_registry import FakeServer, Reply, Seen
from support.servers.shelf import CONFIG, LAYER, MANIFEST
from support.signatures.keys import Keys, payload

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "none": bytes,
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "zstd": lambda data: zstandard.ZstdCompressor().compress(data),
}
_SUFFIX = {"none": "", "gzip": "+gzip", "zstd": "+zstd"}
_ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())

Layer = tuple[str, bytes]  # how it is compressed, and its tar


@dataclass(frozen=True)
class Shown:
    """A layer on the stand: the path of its blob, and its diffID without the prefix."""

    path: str
    diff_id: str

    @property
    def hex(self) -> str:
        """The blob's digest, without the prefix."""
        return self.path.rpartition(":")[2]


class Stand(FakeServer):
    """`keyring` is what a remote must be given to trust it, `lookaside` where its signatures lie."""

    def __init__(self, keys: Keys) -> None:
        super().__init__()
        self._keys = keys
        self._key = keys.make("stand")
        self.keyring = keys.export(self._key)
        self.lookaside = f"{self.url}/signatures"

    def put(
        self,
        name: str,
        layers: Sequence[Layer],
        *,
        app: str = "",
        created: str,
        labels: Mapping[str, str] | None = None,
    ) -> list[Shown]:
        """Serve an image as `repository:tag`, signed; its layers. `labels` in the place of an app's."""
        repository, _, tag = name.partition(":")
        blobs = [COMPRESS[how](tar) for how, tar in layers]
        config = {
            "os": "linux",
            "architecture": _ARCHITECTURE,
            "created": created,
            "config": {"Cmd": ["/usr/bin/hello"], "Labels": labels or {"org.appctl.id": app}},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(tar) for _, tar in layers]},
        }
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self._blob(repository, json.dumps(config).encode(), CONFIG),
            "layers": [
                self._blob(repository, blob, LAYER + _SUFFIX[how])
                for blob, (how, _) in zip(blobs, layers, strict=True)
            ],
        }
        raw = json.dumps(document).encode()
        for reference in (tag, digest_of(raw)):
            self.on(f"/v2/{repository}/manifests/{reference}", Reply(200, {"Content-Type": MANIFEST}, raw))
        self._sign(repository, digest_of(raw), f"{self.host}/{name}")
        return [
            Shown(f"/v2/{repository}/blobs/{digest_of(blob)}", digest_of(tar).removeprefix("sha256:"))
            for blob, (_, tar) in zip(blobs, layers, strict=True)
        ]

    def body(self, path: str) -> bytes:
        """What is served there."""
        return self.answer(Seen("GET", path, "", {}, b"")).body

    def _sign(self, repository: str, digest: str, identity: str) -> None:
        place = f"/signatures/{repository}@{digest.replace(':', '=', 1)}/signature-1"
        self.on(place, Reply(body=self._keys.sign(payload(digest, identity), self._key)))

    def _blob(self, repository: str, data: bytes, media_type: str) -> dict[str, object]:
        self.on(f"/v2/{repository}/blobs/{digest_of(data)}", Reply(body=data))
        return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}


def digest_of(data: bytes) -> str:
    """In its OCI spelling."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
