# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Images that no honest tool would push: blobs and manifests put into a real registry as they are.

Each is validly signed, so that what is wrong with it is found by the part that must find it.
"""

import gzip
import hashlib
import json
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from support.publishers.publisher import Publisher
from support.signatures.keys import payload

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
Document = dict[str, Any]


def digest_of(data: bytes) -> str:
    """In its OCI spelling."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass
class Forgery:
    """An image of gzip layers; `config`, `manifest` and `blobs` may be changed before it is pushed."""

    tars: Sequence[bytes]
    blobs: list[bytes] = field(default_factory=list)
    config: Document = field(default_factory=dict)
    change_manifest: Callable[[Document], None] = lambda _manifest: None

    def __post_init__(self) -> None:
        self.blobs = [gzip.compress(tar, mtime=0) for tar in self.tars]
        self.config = {
            "os": "linux",
            "architecture": "amd64",
            "config": {"Cmd": ["/bin/true"]},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(tar) for tar in self.tars]},
        }

    def push(self, publisher: Publisher, name: str, key: str, *, at: int | None = None) -> str:
        """Put it into the registry as `repository:tag`; signed, with a `key`, `at` a time. The digest."""
        repository, _, tag = name.partition(":")
        host = publisher.registry.host
        config = json.dumps(self.config).encode()
        for blob in (config, *self.blobs):
            put_blob(host, repository, blob)
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": digest_of(config), "size": len(config)},
            "layers": [
                {"mediaType": LAYER, "digest": digest_of(blob), "size": len(blob)} for blob in self.blobs
            ],
        }
        self.change_manifest(document)
        manifest = json.dumps(document).encode()
        put_manifest(host, repository, tag, manifest, MANIFEST)
        if key:
            signature = publisher.keys.sign(payload(digest_of(manifest), f"{host}/{name}"), key, at=at)
            publisher.lookaside.place(repository, digest_of(manifest), signature)
        return digest_of(manifest)


def put_manifest(host: str, repository: str, tag: str, data: bytes, media_type: str) -> None:
    """Give a registry a document, under a tag or its own digest."""
    _request("PUT", f"http://{host}/v2/{repository}/manifests/{tag}", data, media_type)


def put_blob(host: str, repository: str, data: bytes) -> None:
    """Give a registry a blob."""
    location = _request("POST", f"http://{host}/v2/{repository}/blobs/uploads/", b"", "text/plain")
    target = urllib.parse.urljoin(f"http://{host}/", location)
    separator = "&" if "?" in target else "?"
    _request("PUT", f"{target}{separator}digest={digest_of(data)}", data, "application/octet-stream")


def _request(method: str, url: str, data: bytes, content_type: str) -> str:
    request = urllib.request.Request(url, data=data, method=method, headers={"Content-Type": content_type})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return str(answer.headers.get("Location", ""))
