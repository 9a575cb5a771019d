# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""OCI layouts written by hand, honest or not, and a fetcher that is asked about them.

shelf = Shelf(tmp_path / "images")
shelf.add("1", b"{}")
shelf.resolve("1")
"""

import json
from pathlib import Path

from appctld.model.jsonvalue import Json, JsonObject, get_list, get_objects
from appctld.model.manifest import OCI_INDEX, OCI_MANIFEST
from support.workers.fetching import AMD64, Fetch
from support.workers.inline import digest_of

NAME = "org.opencontainers.image.ref.name"
HOST, PREFIX, REPOSITORY = "quay.io", "acme", "acme/tools/editor"


class Shelf:
    """A layout in a directory; every change is written at once."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.entries: list[JsonObject] = []
        (directory / "blobs/sha256").mkdir(parents=True)
        (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        self.write()

    def write(self) -> None:
        """Write the index."""
        index = {"schemaVersion": 2, "manifests": self.entries}
        (self.directory / "index.json").write_text(json.dumps(index))

    def path(self, digest: str) -> Path:
        """Where a blob lies."""
        return self.directory / "blobs/sha256" / digest.removeprefix("sha256:")

    def blob(self, data: bytes, media_type: str = OCI_MANIFEST) -> JsonObject:
        """A blob's descriptor; the blob is there."""
        self.path(digest_of(data)).write_bytes(data)
        return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}

    def add(self, name: str, data: bytes, **members: Json) -> str:
        """Name a document, `members` in its entry; its digest."""
        named: JsonObject = {"annotations": {NAME: name}} if name else {}
        self.entries.append({**self.blob(data), **named, **members})
        self.write()
        return digest_of(data)

    def add_index(self, name: str, *manifests: JsonObject) -> str:
        """Name an index."""
        data = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [*manifests]}).encode()
        return self.add(name, data, mediaType=OCI_INDEX)

    def sign(self, digest: str, *signatures: bytes, repository: str = REPOSITORY) -> Path:
        """Put simple signatures beside the images; their directory."""
        place = self.directory / f"lookaside/{repository}@{digest.replace(':', '=')}"
        place.mkdir(parents=True)
        for number, signature in enumerate(signatures, 1):
            (place / f"signature-{number}").write_bytes(signature)
        return place

    # --- what a fetcher is asked ----------------------------------------------------------------------------

    def members(self, **changes: Json) -> JsonObject:
        """The members of every request, with `changes` of where and what is wanted."""
        place: JsonObject = {"host": HOST, "prefix": PREFIX, "directory": str(self.directory), **changes}
        return {"repository": place.pop("repository", REPOSITORY), "layout": place}

    def run(self, operation: str, members: JsonObject, **changes: Json) -> tuple[JsonObject, bytes]:
        """An operation's answer and what it wrote."""
        fetch = Fetch()
        return fetch.run(operation, {**self.members(**changes), **members}), fetch.written

    def resolve(self, reference: str, **changes: Json) -> list[bytes]:
        """The documents that a tag or digest leads to."""
        answer, data = self.run("resolve", {"reference": reference, "platform": AMD64}, **changes)
        found = []
        for document in get_objects(answer, "documents"):
            size = document["size"]
            assert isinstance(size, int)
            found.append(data[:size])
            data = data[size:]
        assert data == b""
        return found

    def fetch(self, digest: str, size: int) -> bytes:
        """A blob."""
        return self.run("blob", {"digest": digest, "size": size})[1]

    def signatures(self, digest: str, **changes: Json) -> tuple[bytes, list[Json]]:
        """Simple signatures one after the other, and where they were looked for."""
        answer, data = self.run("signatures", {"digest": digest}, **changes)
        return data, get_list(answer, "looked_at")

    def attachments(self, digest: str, **changes: Json) -> tuple[list[JsonObject], list[Json]]:
        """Sigstore signatures, and where they were looked for."""
        answer, _ = self.run("attachments", {"digest": digest}, **changes)
        return get_objects(answer, "attached"), get_list(answer, "looked_at")


def platform(architecture: str) -> JsonObject:
    """Of an entry of an index."""
    return {"platform": {"os": "linux", "architecture": architecture}}
