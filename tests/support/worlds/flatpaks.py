# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Flatpak's images as `flatpak build-bundle --oci` labels them, for the registry in memory, with lies on top.

    publish(world.registry, PLATFORM)
    publish(world.registry, EDITOR, text=metadata("app", runtime="org.acme.Platform/x86_64/1"))

An image's tag is its name in lower case, so `reference(ref)` is where it lies.
"""

import base64
import json
from collections.abc import Mapping

from appctld.model.flatpak.labels import COMMIT_METADATA, FLATPAK_METADATA
from appctld.model.flatpak.labels import REF as REF_LABEL
from appctld.model.flatpak.ref import FlatpakRef, parse_ref
from appctld.model.jsonvalue import Json, JsonObject
from appctld.model.manifest import OCI_MANIFEST
from support.workers.inline import MemoryRegistry, layer_of

PLATFORM = parse_ref("runtime/org.acme.Platform/x86_64/45")
EDITOR = parse_ref("app/org.acme.Editor/x86_64/stable")
LOCALE = parse_ref("runtime/org.acme.Platform.Locale/x86_64/45")


def metadata(ref: FlatpakRef, more: str = "", runtime: FlatpakRef = PLATFORM) -> str:
    """The keyfile of an app on `runtime`, or of a runtime; `more` are lines behind it."""
    if ref.is_runtime:
        return f"[Runtime]\nname={ref.name}\nruntime={ref.short}\n{more}"
    return f"[Application]\nname={ref.name}\nruntime={runtime.short}\ncommand=editor\n{more}"


def labels(ref: FlatpakRef, text: str, **more: str) -> dict[str, str]:
    """What `flatpak build-bundle --oci` would write, as far as it is read; underscores stand for dots."""
    twice = {"xa.ref": str(ref), "xa.metadata": text}
    commit = {COMMIT_METADATA + key: encoded(value.encode() + b"\0\0s") for key, value in twice.items()}
    written = {REF_LABEL: str(ref), FLATPAK_METADATA: text, **commit}
    return {**written, **{key.replace("_", "."): value for key, value in more.items()}}


def encoded(data: bytes) -> str:
    """In base64, as labels have it."""
    return base64.b64encode(data).decode()


def publish(
    registry: MemoryRegistry,
    ref: FlatpakRef,
    text: str | None = None,
    *,
    written: Mapping[str, str] | None = None,
    found: str | None = None,
    tag: str = "",
    version: str = "1",
    arch: str = "amd64",
    created: str = "",
) -> str:
    """Publish one; its digest. `written` are its labels, `found` the metadata file of its tree."""
    text = metadata(ref) if text is None else text
    tree: dict[str, bytes | None] = {
        "files/": None,
        "files/bin/": None,
        "files/bin/editor": f"#!/bin/sh\necho {version}\n".encode(),
        "metadata": (text if found is None else found).encode(),
    }
    said = labels(ref, text) if written is None else dict(written)
    layers = [layer_of(tree)]
    return registry.push(tag or tag_of(ref), layers, Labels=said, arch=arch, created=created)


def tag_of(ref: FlatpakRef) -> str:
    """Where `publish` puts it."""
    return f"{ref.name}-{ref.branch}".lower()


def reference(ref: FlatpakRef, host: str = "acme.example") -> str:
    """What is installed."""
    return f"{host}/x/{ref.name.lower()}:{tag_of(ref)}"


def listed(*entries: JsonObject, registry: str = "/") -> bytes:
    """What an index server says."""
    return json.dumps({"Registry": registry, "Results": entries}).encode()


def entry(ref: FlatpakRef, digest: str, name: str = "", **lies: Json) -> JsonObject:
    """One of its repositories, with one image."""
    image: JsonObject = {
        "Digest": digest,
        "MediaType": OCI_MANIFEST,
        "OS": "linux",
        "Architecture": ref.architecture,
        "Tags": ["latest", tag_of(ref)],
        "Labels": {REF_LABEL: str(ref)},
    }
    return {"Name": name or f"x/{ref.name.lower()}", "Images": [{**image, **lies}], "Lists": []}
