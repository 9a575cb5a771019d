# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A repository of a registry: blobs that are there stay, others are mounted or uploaded, manifests come last.

Guarantees: nothing is written that the caller did not ask for; what the registry says it took has the digest
that it was given under. Leaves to others: who may write there, which the registry says.
"""

import os
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from appctld.errors import DigestMismatch, InvalidReference
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonObject, get_str, get_strings
from appctld.model.manifest import MANIFEST_BYTES, Descriptor
from appctld.model.reference import parse_reference
from appctld.workers.export.destination import COPY_BYTES, Content, Counted, writing
from appctld.workers.export.registry.api import Api
from appctld.workers.export.registry.kept import KeptUploads
from appctld.workers.export.registry.session import WritingSession
from appctld.workers.export.registry.upload import Uploads
from appctld.workers.fetch.endpoint import Endpoint, parse_endpoint
from appctld.workers.fetch.registry import ACCEPT
from appctld.workers.net.address import Url

_OK, _CREATED, _NOT_FOUND = 200, 201, 404


class RegistryRepository:
    """`with RegistryRepository.parse(to) as destination:`; the tag is set with the last manifest."""

    def __init__(self, endpoint: Endpoint, tag: str, sources: Iterable[str], uploads: Path | None) -> None:
        self.tag = tag
        self._endpoint = endpoint
        self._sources = [name for name in sources if name != endpoint.repository]
        self._kept = KeptUploads(uploads, endpoint)
        self._stack = ExitStack()
        self._there: set[Digest] = set()
        self._named: list[tuple[str, bytes, str]] = []

    @classmethod
    def parse(cls, to: JsonObject) -> Self:
        """`{…an endpoint's members (fetch/endpoint.py), "tag", "sources", "uploads"}`.

        `sources`: repositories of the same registry that may have the blobs; `uploads`: a directory for what
        is broken off. Raises InvalidReference.
        """
        tag, uploads = get_str(to, "tag"), get_str(to, "uploads", "")
        endpoint = parse_endpoint(to)
        if parse_reference(f"localhost/{endpoint.repository}:{tag}").tag != tag:
            raise InvalidReference("a destination needs a tag")
        return cls(endpoint, tag, get_strings(to, "sources", []), Path(uploads) if uploads else None)

    def __enter__(self) -> Self:
        session = self._stack.enter_context(WritingSession(self._endpoint))
        self._api = Api(self._endpoint, session, self._sources)
        self._uploads = Uploads(self._api, self._kept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def has(self, blob: Descriptor) -> bool:
        """Whether it is there, or was mounted now."""
        if blob.digest not in self._there and (
            self._is_there(self._url("blobs", blob.digest))
            or any(self._uploads.mount(blob, source) for source in self._sources)
        ):
            self._there.add(blob.digest)
        return blob.digest in self._there

    def put_blob(self, blob: Descriptor, content: Content) -> None:
        """See `Destination`."""
        self._uploads.put(blob, content)
        self._there.add(blob.digest)

    def put_new(self, pieces: Iterable[bytes], media_type: str) -> Descriptor:
        """See `Destination`; it waits in a file without a name, for its digest may be there already."""
        place = Path(os.environ.get("TMPDIR", "/var/tmp"))  # noqa: S108 - a blob is too large for a /tmp in memory
        with writing(place), tempfile.TemporaryFile(dir=place) as file:
            counted = Counted(pieces)
            for piece in counted:
                file.write(piece)
            blob = Descriptor(media_type, counted.digest, counted.size)

            def content() -> Iterable[bytes]:
                file.seek(0)
                return iter(lambda: file.read(COPY_BYTES), b"")

            if not self.has(blob):
                self.put_blob(blob, lambda: iter(content()))
        return blob

    def put_manifest(self, raw: bytes, media_type: str, name: str = "") -> Descriptor:
        """See `Destination`."""
        written = Descriptor(media_type, Digest.of(raw), len(raw))
        self._put_manifest(str(written.digest), raw, media_type)
        if name:
            self._named.append((name, raw, media_type))
        return written

    def meaning(self, name: str) -> Digest | None:
        """See `Destination`."""
        url = self._endpoint.url(f"manifests/{name}")
        with self._api.look("GET", url, {"Accept": ACCEPT}) as answer:
            if answer.status == _NOT_FOUND:
                return None
            if answer.status != _OK:
                raise self._api.refused(answer)
            return Digest.of(answer.read(MANIFEST_BYTES))

    def put_beside(self, path: str, data: bytes) -> bool:  # noqa: ARG002 - there is no place for it
        """Whether there is a place for such: there is none."""
        return False

    def commit(self) -> None:
        """See `Destination`: names are set in the order in which they were given."""
        for name, raw, media_type in self._named:
            self._put_manifest(name, raw, media_type)

    def _is_there(self, url: Url) -> bool:
        with self._api.look("HEAD", url) as answer:
            if answer.status not in {_OK, _NOT_FOUND}:
                raise self._api.refused(answer)
            return answer.status == _OK

    def _put_manifest(self, name: str, raw: bytes, media_type: str) -> None:
        url = self._endpoint.url(f"manifests/{name}")
        with self._api.write("PUT", url, {"Content-Type": media_type}, raw) as answer:
            if answer.status != _CREATED:
                raise self._api.refused(answer)
            said = answer.header("Docker-Content-Digest")
        if said and said != str(Digest.of(raw)):
            host = self._endpoint.registry.netloc
            raise DigestMismatch(f"{host} made another manifest of {Digest.of(raw)}", digest=said)

    def _url(self, kind: str, digest: Digest) -> Url:
        return self._endpoint.url(f"{kind}/{digest}")
