# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a layout says it holds: `oci-layout` and `index.json` (image-spec, "image-layout").

Guarantees: bounded before it is parsed, digests are plain sha256, nothing is to be fetched from elsewhere.
Nobody signed any of it: it only says which manifest must then be signed.
"""

import re
from dataclasses import dataclass

from appctld.errors import BadManifest, CredentialScope, UnsafeArchive, UnsupportedMediaType
from appctld.model.digest import Digest
from appctld.model.jsonvalue import (
    JsonError,
    JsonObject,
    get_int,
    get_list,
    get_objects,
    get_str,
    get_string_map,
    parse_object,
)
from appctld.model.manifest import INDEX_TYPES, MANIFEST_TYPES
from appctld.workers.fetch.layout.member import Files, read_file

INDEX_BYTES = 4 << 20  # as for any index; an entry has some 300 bytes
ENTRIES = 8192  # as many as those bytes hold; each is looked at once for a name
LAYOUT_BYTES = 4 << 10  # the file has 30
VERSION = "1.0.0"  # the only one there is
NAME = "org.opencontainers.image.ref.name"
_BESIDE = re.compile(r"sha256-[0-9a-f]{64}(?:\.[a-z]+)?")
"""The tags that cosign and registries without referrers use for what belongs to another image."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One document that the layout names; `name` is empty where it has none."""

    media_type: str
    digest: Digest
    size: int
    name: str
    artifact: bool

    @property
    def names(self) -> tuple[str, ...]:
        """See `naming.Named`."""
        return (self.name,) if self.name else ()

    @property
    def identity(self) -> Digest:
        """See `naming.Named`."""
        return self.digest

    @property
    def is_image(self) -> bool:
        """Whether it may be an image, and nothing that only belongs to one."""
        known = self.media_type in MANIFEST_TYPES | INDEX_TYPES
        return known and not self.artifact and not _BESIDE.fullmatch(self.name.rpartition(":")[2])


def read_index(files: Files) -> tuple[Entry, ...]:
    """The layout's entries in their order.

    Raises BadManifest (no layout, or a broken one), UnsupportedMediaType (of another version), UnsafeArchive
    (an archive with links), CredentialScope, LimitExceeded.
    """
    if files.links:
        raise UnsafeArchive(f"{files.place} has links, which no OCI layout has: {min(files.links)}")
    try:
        marker = read_file(files, LAYOUT_BYTES, "oci-layout")
        raw = read_file(files, INDEX_BYTES, "index.json")
        if marker is None or raw is None:
            missing = "oci-layout" if marker is None else "index.json"
            raise BadManifest(f"{files.place} is no OCI layout: it has no {missing}")
        version = get_str(parse_object(marker, LAYOUT_BYTES), "imageLayoutVersion")
        if version != VERSION:
            raise UnsupportedMediaType(f"an OCI layout of version {version[:20]!r}; appctl reads {VERSION}")
        return _entries(parse_object(raw, INDEX_BYTES))
    except JsonError as error:
        raise BadManifest(f"{files.place} is no OCI layout: {error}") from error


def _entries(index: JsonObject) -> tuple[Entry, ...]:
    items = get_objects(index, "manifests")
    if len(items) > ENTRIES:
        raise JsonError(f"{len(items)} entries where {ENTRIES} are allowed")
    return tuple(map(_entry, items))


def _entry(item: JsonObject) -> Entry:
    if get_list(item, "urls", []):
        raise CredentialScope("an image that is to be fetched from somewhere else ('urls')")
    return Entry(
        get_str(item, "mediaType"),
        Digest.parse(get_str(item, "digest")),
        get_int(item, "size"),
        get_string_map(item, "annotations", {}).get(NAME, ""),
        bool(get_str(item, "artifactType", "")),
    )
