# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A layout with the operations of a registry's repository, so that whoever asks needs not know which it is.

Guarantees: a document is what the index says that names it, or DigestMismatch; a digest is only answered
where the index, or an index that it names, has it. What a blob is, whoever asked hashes.
"""

import json
from collections.abc import Iterator

from appctld.errors import AppctlError, DigestMismatch, LimitExceeded, NotFound
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonError, JsonObject, get_object, get_str, get_string_map, parse_object
from appctld.model.manifest import INDEX_TYPES, MANIFEST_BYTES, MANIFEST_TYPES, Index, parse_document
from appctld.workers.fetch.layout.index import Entry, read_index
from appctld.workers.fetch.layout.member import Files, Member, read_file
from appctld.workers.fetch.layout.naming import Place, choose, find, shown

REFERRERS = 256  # documents of a layout that are looked into for what they belong to
REFERRER_BYTES = 1 << 20  # of one of them; what a registry's document of signatures may have
_OK, _ABSENT = 200, 404  # in a registry's words


class LayoutRepository:
    """One repository of a layout."""

    def __init__(self, files: Files, place: Place) -> None:
        self._files, self._place = files, place
        self._entries = read_index(files)

    @property
    def images(self) -> tuple[Entry, ...]:
        """What may be images, in the order of the index."""
        return tuple(entry for entry in self._entries if entry.is_image)

    @property
    def where(self) -> str:
        """What it is called in messages."""
        return self._files.place

    def manifest(self, reference: str, limit: int = MANIFEST_BYTES) -> tuple[bytes, str]:
        """The document that a tag or digest names, and its type.

        Raises NotFound, saying what is there; DigestMismatch, BadManifest, LimitExceeded, UnsafeArchive.
        """
        images = list(self.images)
        if ":" not in reference:
            entry = choose(images, self._place, reference, self._files.place)
            return self._document(entry.digest, entry.size, limit), entry.media_type
        digest = Digest.parse(reference)
        for entry in self._named(images):
            if entry.digest == digest:
                return self._document(entry.digest, entry.size, limit), entry.media_type
        raise NotFound(f"{self._files.place} has no image {reference}; it has {shown(images)}")

    def blob(self, digest: Digest, size: int) -> Member:  # noqa: ARG002 - its name is its digest
        """The open blob, which the caller closes. Raises NotFound, UnsafeArchive."""
        found = self._files.open("blobs", "sha256", digest.hex)
        if found is None:
            raise NotFound(f"{self._files.place} has no blob {digest}")
        return found

    def look(self, path: str, limit: int, absent: frozenset[int]) -> tuple[int, bytes]:  # noqa: ARG002 - a registry's
        """Status and body, as a registry would answer `path`."""
        kind, _, name = path.partition("/")
        data = self._looked(kind, name, limit)
        return (_ABSENT, b"") if data is None else (_OK, data)

    def _looked(self, kind: str, name: str, limit: int) -> bytes | None:
        if kind == "referrers":
            return self._referrers(Digest.parse(name))
        if ":" not in name:
            entry = find(self._entries, self._place, name)
            return self._document(entry.digest, entry.size, limit) if entry else None
        return read_file(self._files, limit, "blobs", "sha256", Digest.parse(name).hex)

    def _document(self, digest: Digest, size: int, limit: int) -> bytes:
        if size > limit:
            raise LimitExceeded(f"a document of {size} bytes, and it may have {limit}", limit=limit)
        with self.blob(digest, size) as member:
            data = member.read(limit)
        if len(data) != size or Digest.of(data) != digest:
            raise DigestMismatch(f"{self._files.place} holds other bytes than its index says of {digest}")
        return data

    def _named(self, images: list[Entry]) -> Iterator[Entry]:
        """Every image, and each that an index among them has for a platform."""
        yield from images
        for entry in images:
            if entry.media_type in INDEX_TYPES:
                raw = self._document(entry.digest, entry.size, MANIFEST_BYTES)
                index = parse_document(raw, entry.media_type)
                for one in index.entries if isinstance(index, Index) else ():
                    yield Entry(one.media_type, one.digest, one.size, "", artifact=False)

    def _referrers(self, digest: Digest) -> bytes | None:
        """An index of the layout's documents that say they belong to `digest`, as a registry answers."""
        found = []
        named = {entry for entry in self._entries if entry.is_image and entry.names}
        others = [one for one in self._entries if one.media_type in MANIFEST_TYPES and one not in named]
        for entry in others[:REFERRERS]:
            about = self._about(entry)
            if about is not None and about[0] == str(digest):
                found.append({"mediaType": entry.media_type, "digest": str(entry.digest), **about[1]})
        return json.dumps({"manifests": found}).encode() if found else None

    def _about(self, entry: Entry) -> tuple[str, JsonObject] | None:
        """What a document belongs to, and what a registry tells of it; None for one that says nothing."""
        try:
            obj = parse_object(self._document(entry.digest, entry.size, REFERRER_BYTES), REFERRER_BYTES)
            subject = get_object(obj, "subject", {})
            told: JsonObject = {
                "artifactType": get_str(obj, "artifactType", ""),
                "annotations": {**get_string_map(obj, "annotations", {})},
            }
            return get_str(subject, "digest", ""), told
        except (JsonError, AppctlError):
            return None
