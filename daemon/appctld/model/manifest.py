# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Image manifests and indexes: bytes in, frozen values out (image-spec manifest.md, image-index.md).

Guarantees: Content-Type and `mediaType` agree (CVE-2021-41190), nothing carries `urls` (CVE-2020-15157), an
index holds no index, digests are plain sha256. Nothing here says that anybody signed the bytes.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from appctld.errors import ArchMismatch, BadManifest, CredentialScope, UnsupportedMediaType
from appctld.model.digest import Digest
from appctld.model.jsonvalue import (
    JsonError,
    JsonObject,
    get_int,
    get_list,
    get_object,
    get_objects,
    get_str,
    get_string_map,
    parse_object,
)

MANIFEST_BYTES = (
    4 << 20
)  # the distribution specification asks registries to take 4 MiB; larger ones are refused everywhere
LAYERS = 256  # overlay stops at 128 lower directories, so nothing real has more
INDEX_ENTRIES = 256  # an index has one entry a platform; attestations double that
_WORD = re.compile(r"[A-Za-z0-9._+-]{0,32}")  # Go's own are a few letters; these are shown in errors
BLOB_BYTES = 64 << 30  # larger than any published layer; a size is a promise that space checks rely on

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
MANIFEST_TYPES = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
INDEX_TYPES = frozenset({OCI_INDEX, DOCKER_INDEX})
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"  # Docker's is the same but for its name
CONFIG_TYPES = frozenset({OCI_CONFIG, "application/vnd.docker.container.image.v1+json"})
OCI_EMPTY = "application/vnd.oci.empty.v1+json"  # a config of `{}`
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
_OCI_FOREIGN = "application/vnd.oci.image.layer.nondistributable.v1.tar"
_DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"
COMPRESSION = {
    OCI_LAYER: "none",
    f"{OCI_LAYER}+gzip": "gzip",
    f"{OCI_LAYER}+zstd": "zstd",
    _OCI_FOREIGN: "none",
    f"{_OCI_FOREIGN}+gzip": "gzip",
    f"{_OCI_FOREIGN}+zstd": "zstd",
    _DOCKER_LAYER: "none",
    f"{_DOCKER_LAYER}.gzip": "gzip",
    f"{_DOCKER_LAYER}.zstd": "zstd",
}
LAYER_BYTES = 16 << 30  # an uncompressed layer; the largest published ones (machine learning) are about half
ZSTD_WINDOW = 32 << 20  # what skopeo 1.9 asks for (ADR 31), and no other writer for more; zstd takes 128 MiB


@dataclass(frozen=True, slots=True)
class Platform:
    """`os`, `architecture` and `variant` in Go's words (`linux`, `amd64`, ``)."""

    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


@dataclass(frozen=True, slots=True)
class Descriptor:
    """One blob that a document names: its type, digest and exact size in bytes."""

    media_type: str
    digest: Digest
    size: int
    platform: Platform | None = None

    def to_json(self) -> JsonObject:
        """As a manifest that we write names it."""
        return {"mediaType": self.media_type, "digest": str(self.digest), "size": self.size}


@dataclass(frozen=True, slots=True)
class Manifest:
    """One image: its config and its layers, lowest first."""

    config: Descriptor
    layers: tuple[Descriptor, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """One image in several platforms."""

    entries: tuple[Descriptor, ...]


def parse_document(data: bytes, content_type: str) -> Manifest | Index:
    """Read a manifest or index that was served as `content_type`.

    Raises BadManifest, UnsupportedMediaType (a type we do not take) or CredentialScope (foreign layers).
    """
    with _bad("document"):
        obj = parse_object(data, MANIFEST_BYTES)
        media_type = get_str(obj, "mediaType", content_type)
        version = get_int(obj, "schemaVersion")
    if media_type != content_type:
        raise BadManifest(f"served as {content_type[:80]!r}, but calls itself {media_type[:80]!r}")
    if media_type not in MANIFEST_TYPES | INDEX_TYPES or version != 2:  # noqa: PLR2004 - the schema's own number
        raise UnsupportedMediaType(
            f"{media_type[:80]!r} (schema {version}) is no image manifest that appctl reads"
        )
    if "manifests" in obj and ("layers" in obj or "config" in obj):
        raise BadManifest("a document that is a manifest and an index at once")
    with _bad("manifest" if media_type in MANIFEST_TYPES else "index"):
        return _manifest(obj) if media_type in MANIFEST_TYPES else _index(obj)


def choose(index: Index, platform: Platform) -> Descriptor:
    """The first entry for `platform`; a variant counts where both sides name one. Raises ArchMismatch."""
    for entry in index.entries:
        found = entry.platform
        if found is None or (found.os, found.architecture) != (platform.os, platform.architecture):
            continue
        if not found.variant or not platform.variant or found.variant == platform.variant:
            return entry
    offered = ", ".join(sorted({str(entry.platform) for entry in index.entries if entry.platform})) or "none"
    raise ArchMismatch(f"no image for {platform} (offered: {offered})")


def read_platform(obj: JsonObject) -> Platform:
    """The platform that a config or an index's entry names. Raises JsonError for what is no plain word."""
    platform = Platform(get_str(obj, "os"), get_str(obj, "architecture"), get_str(obj, "variant", ""))
    if not all(_WORD.fullmatch(word) for word in (platform.os, platform.architecture, platform.variant)):
        raise JsonError("a platform that is not made of plain words")
    return platform


def _manifest(obj: JsonObject) -> Manifest:
    layers = tuple(_descriptor(item) for item in get_objects(obj, "layers"))
    config = _descriptor(get_object(obj, "config"))
    if len(layers) > LAYERS:
        raise JsonError(f"{len(layers)} layers where {LAYERS} are allowed")
    if config.media_type not in CONFIG_TYPES:
        raise UnsupportedMediaType(
            f"a config of type {config.media_type[:80]!r}: this is no image of an application"
        )
    for layer in layers:
        if layer.media_type not in COMPRESSION:
            raise UnsupportedMediaType(f"a layer of type {layer.media_type[:80]!r}")
    get_string_map(obj, "annotations", {})  # nothing here reads them, and what breaks the schema is refused
    return Manifest(config, layers)


def _index(obj: JsonObject) -> Index:
    items = get_objects(obj, "manifests")
    if len(items) > INDEX_ENTRIES:
        raise JsonError(f"{len(items)} entries where {INDEX_ENTRIES} are allowed")
    entries = tuple(_descriptor(item) for item in items)
    if any(entry.media_type in INDEX_TYPES for entry in entries):
        raise JsonError("an index that holds another index")
    return Index(tuple(entry for entry in entries if entry.media_type in MANIFEST_TYPES))


def _descriptor(obj: JsonObject) -> Descriptor:
    if get_list(obj, "urls", []):
        raise CredentialScope("a blob that is to be fetched from somewhere else ('urls')")
    size = get_int(obj, "size")
    if not 0 <= size <= BLOB_BYTES:
        raise JsonError(f"a blob of {size} bytes")
    platform = read_platform(get_object(obj, "platform")) if "platform" in obj else None
    return Descriptor(get_str(obj, "mediaType"), Digest.parse(get_str(obj, "digest")), size, platform)


@contextmanager
def _bad(what: str) -> Iterator[None]:
    try:
        yield
    except JsonError as error:
        raise BadManifest(f"a bad {what}: {error}") from error
