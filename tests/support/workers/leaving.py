# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A small image that leaves: its blobs, and what is asked of a destination to bring it there."""

import json
import os
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from appctld.model.digest import Digest
from appctld.model.jsonvalue import Json, JsonObject
from appctld.model.manifest import OCI_MANIFEST, Descriptor
from appctld.workers.export.destination import Destination
from appctld.workers.store import disk
from support.workers.inline import layer_of

LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
NAME = "acme.example/x/hello:1"
LAYER = layer_of({"usr/": None, "usr/hello": b"hello"})


def blob_of(data: bytes, media_type: str = LAYER_TYPE) -> Descriptor:
    """The descriptor of these bytes."""
    return Descriptor(media_type, Digest.of(data), len(data))


def leave(
    destination: Destination, name: str = NAME, layers: Sequence[bytes] = (LAYER,), *, commit: bool = True
) -> Descriptor:
    """Bring an image of these layers to a destination; its manifest."""
    config = json.dumps(
        {
            "os": "linux",
            "architecture": "amd64",
            "config": {"Cmd": ["/usr/hello"]},
            "rootfs": {"type": "layers", "diff_ids": [str(Digest.of(layer)) for layer in layers]},
        }
    ).encode()
    described = [put(destination, layer) for layer in layers]
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": told(put(destination, config, CONFIG_TYPE)),
        "layers": [told(blob) for blob in described],
    }
    manifest = destination.put_manifest(json.dumps(document).encode(), OCI_MANIFEST, name)
    if commit:
        destination.commit()
    return manifest


def put(destination: Destination, data: bytes, media_type: str = LAYER_TYPE) -> Descriptor:
    """Bring a blob there, unless it is there."""
    blob = blob_of(data, media_type)
    if not destination.has(blob):
        destination.put_blob(blob, lambda: iter([data[:7], data[7:]]))
    return blob


def watched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is done to the disk from now on: what was synced, what got its name."""
    done: list[str] = []
    fsync, sync, rename, link = os.fsync, disk.sync, os.rename, os.link

    def on_fsync(descriptor: int) -> None:
        done.append("sync directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "sync file")
        fsync(descriptor)

    def on_sync(descriptor: int) -> None:
        done.append("sync everything")
        sync(descriptor)

    def on_rename(source: str, target: str, **where: int) -> None:
        named = os.path.basename(target)  # noqa: PTH119 - a name or a path
        done.extend([] if len(named) == len("0" * 64) else [f"name {named}"])
        rename(source, target, **where)

    def on_link(source: str, target: str) -> None:
        done.append("link")
        link(source, target)

    for owner, name, instead in (
        (os, "fsync", on_fsync), (disk, "sync", on_sync), (os, "rename", on_rename), (os, "link", on_link),
    ):  # fmt: skip
        monkeypatch.setattr(owner, name, instead)
    return done


def told(blob: Descriptor) -> JsonObject:
    """A descriptor as documents have it."""
    return {"mediaType": blob.media_type, "digest": str(blob.digest), "size": blob.size}


def registry(url: str, tag: str = "1", **changes: Json) -> JsonObject:
    """A registry as a destination, as a client writes it; the repository is `demo/plain`."""
    members: JsonObject = {"kind": "registry", "registry": url, "repository": "demo/plain", "tag": tag}
    return {**members, **changes}


def names(directory: Path) -> list[str]:
    """Whatever is below a directory, sorted."""
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))
