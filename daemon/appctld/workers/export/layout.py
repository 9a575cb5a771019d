# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The documents of an image layout (image-spec image-layout.md): bytes in, bytes out; no I/O.

Guarantees: what an index holds beside the names that are written stays, byte for byte as JSON means it; a
name means one image.
"""

import json
from collections.abc import Mapping

from appctld.errors import BadManifest
from appctld.model.digest import Digest
from appctld.model.jsonvalue import (
    Json,
    JsonError,
    JsonObject,
    get_int,
    get_list,
    get_object,
    get_str,
    parse_object,
)
from appctld.model.manifest import OCI_INDEX, Descriptor

LAYOUT_FILE, INDEX_FILE = "oci-layout", "index.json"
LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
LAYOUT_BYTES = 4096  # one member
INDEX_BYTES = 16 << 20  # some ten thousand images in one directory
REF_NAME = "org.opencontainers.image.ref.name"
_SCHEMA = 2
_VERSION = "1.0.0"  # the only one there is
ANOTHER = "name another directory, or one that is not there yet"


def check_layout(data: bytes) -> None:
    """Refuse (BadManifest) an `oci-layout` that is none, or of another version."""
    try:
        version = get_str(parse_object(data, LAYOUT_BYTES), "imageLayoutVersion")
    except JsonError as error:
        raise BadManifest("what is there is no image layout", hint=ANOTHER) from error
    if version != _VERSION:
        raise BadManifest(
            f"an image layout of version {version[:40]!r}, which this version does not write", hint=ANOTHER
        )


def index_with(data: bytes | None, named: Mapping[str, Descriptor]) -> bytes:
    """An index with these names in it; `data` is the one before, if there is one. Raises BadManifest."""
    index = _read(data) if data is not None else _empty()
    kept = [entry for entry in get_list(index, "manifests") if _name(entry) not in named]
    index["manifests"] = [*kept, *(_entry(name, to) for name, to in named.items())]
    return json.dumps(index, indent=1, ensure_ascii=False).encode() + b"\n"


def meaning(data: bytes, name: str) -> Digest | None:
    """What a name means in an index. Raises BadManifest."""
    for entry in get_list(_read(data), "manifests"):
        if isinstance(entry, dict) and _name(entry) == name:
            return Digest.parse(get_str(entry, "digest", ""))
    return None


def blob_path(digest: Digest) -> str:
    """Where a blob lies in a layout."""
    return f"blobs/sha256/{digest.hex}"


def _empty() -> JsonObject:
    return {"schemaVersion": _SCHEMA, "mediaType": OCI_INDEX, "manifests": []}


def _read(data: bytes) -> JsonObject:
    try:
        index = parse_object(data, INDEX_BYTES)
        get_list(index, "manifests")
        version = get_int(index, "schemaVersion")
    except JsonError as error:
        raise BadManifest("the index of what is there cannot be read", hint=ANOTHER) from error
    if version != _SCHEMA:
        raise BadManifest(f"the index of what is there has schema {version}", hint=ANOTHER)
    return index


def _name(entry: Json) -> str | None:
    """What an entry is called; one that nobody could read has no name, and stays."""
    try:
        return get_str(get_object(entry, "annotations"), REF_NAME) if isinstance(entry, dict) else None
    except JsonError:
        return None


def _entry(name: str, to: Descriptor) -> JsonObject:
    return {**to.to_json(), "annotations": {REF_NAME: name}}
