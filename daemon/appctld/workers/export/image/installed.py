# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""One installed image, read from its deployment's papers and its commit, and held together.

Guarantees: the manifest and the config are the bytes that the record's digests name, whoever wrote them down;
layers and diffIDs are as many. Leaves to others: that the app may be somebody else's by the time that its
layers are read, which their digests show.
"""

import base64
import binascii
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from appctld.errors import AppctlError, NotInstalled, RepoCorrupt, UnsupportedMediaType
from appctld.model.digest import Digest
from appctld.model.image import ImageConfig, parse_config
from appctld.model.jsonvalue import (
    JsonError,
    JsonObject,
    get_object,
    get_objects,
    get_str,
    get_strings,
    parse_object,
)
from appctld.model.manifest import Descriptor, Manifest, parse_document
from appctld.model.reference import Reference, parse_reference
from appctld.workers.store import disk, names
from appctld.workers.store.ostree.repository import Repository

COMMIT_TYPE = "application/vnd.ostree.commit"  # of what was pulled from an OSTree repository, and is no image
_CONFIG = "ostree.container.image-config"


@dataclass(frozen=True, slots=True)
class Document:
    """Bytes as they were served, and their type."""

    raw: bytes
    media_type: str

    @classmethod
    def parse(cls, obj: JsonObject) -> Self:
        """As provenance.json holds it. Raises JsonError."""
        return cls(decoded(get_str(obj, "raw")), get_str(obj, "media_type"))

    @property
    def digest(self) -> Digest:
        """What names it."""
        return Digest.of(self.raw)


@dataclass(frozen=True, slots=True)
class Simple:
    """A sigstore signature of a payload, made with a key."""

    payload: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Signatures:
    """What spoke for `digest`: OpenPGP blobs, and what sigstore attaches; bundles with their payloads."""

    digest: Digest
    openpgp: tuple[bytes, ...]
    simple: tuple[Simple, ...]
    bundles: tuple[tuple[bytes, bytes], ...]

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.openpgp) + len(self.simple) + len(self.bundles)

    @classmethod
    def parse(cls, obj: JsonObject) -> Self:
        """As provenance.json holds them. Raises JsonError, BadManifest."""
        return cls(
            Digest.parse(get_str(obj, "digest")),
            tuple(map(decoded, get_strings(obj, "openpgp"))),
            tuple(
                Simple(decoded(get_str(one, "payload")), decoded(get_str(one, "signature")))
                for one in get_objects(obj, "attachments")
                if not get_str(one, "identity")  # what is kept of the others says nothing without more
            ),
            tuple(
                (decoded(get_str(one, "document")), decoded(get_str(one, "payload")))
                for one in get_objects(obj, "bundles")
                if not get_str(one, "identity")
            ),
        )


@dataclass(frozen=True, slots=True)
class Image:
    """An installed image. `state` is the directory that it is installed in; `index` led to its manifest."""

    state: Path
    id: str
    remote: str
    reference: Reference
    manifest: Document
    index: Document | None
    config: bytes
    parsed: Manifest
    described: ImageConfig
    signatures: Signatures

    @property
    def layers(self) -> list[tuple[Descriptor, Digest]]:
        """Each layer as it was published, with its diffID, lowest first."""
        return list(zip(self.parsed.layers, self.described.diff_ids, strict=True))


def read_image(state: Path, app_id: str, repository: Repository) -> Image:
    """What is current of an app. Raises NotInstalled, UnsupportedMediaType (no image), RepoCorrupt."""
    deployment = _current(state, app_id)
    try:
        record = parse_object(_file(deployment / "record.json", disk.RECORD_BYTES), disk.RECORD_BYTES)
        provenance = parse_object(
            _file(deployment / disk.PROVENANCE, disk.PROVENANCE_BYTES), disk.PROVENANCE_BYTES
        )
        return _image(state, app_id, record, provenance, repository)
    except (UnsupportedMediaType, RepoCorrupt):
        raise
    except (JsonError, AppctlError) as error:
        raise RepoCorrupt(f"what is recorded of {app_id} cannot be read: {error}", id=app_id) from error


def opened_repository(state: Path) -> Repository:
    """The repository of a state directory, to read from. Raises RepoCorrupt where there is none."""
    if not (state / "repo/config").exists():
        raise RepoCorrupt(f"there is no repository in {state}", path=str(state))
    return Repository.open(state / "repo")


def decoded(text: str) -> bytes:
    """Base64, strictly. Raises JsonError."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise JsonError("something that is no base64") from error


def _current(state: Path, app_id: str) -> Path:
    app = state / "apps" / names.check_id(app_id)
    try:
        return app / names.check_deployment(os.readlink(app / "current"))  # noqa: PTH115 - a name, no path
    except OSError as error:
        raise NotInstalled(f"{app_id} is not installed", id=app_id) from error


def _file(path: Path, limit: int) -> bytes:
    """A paper, read whole; a link is none."""
    try:
        with os.fdopen(
            os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb"
        ) as file:
            return file.read(limit + 1)
    except OSError as error:
        raise RepoCorrupt(f"{path} cannot be read: {error.strerror}", path=str(path)) from error


def _image(
    state: Path, app_id: str, record: JsonObject, provenance: JsonObject, repository: Repository
) -> Image:
    manifest = Document.parse(get_object(provenance, "manifest"))
    if manifest.media_type == COMMIT_TYPE:
        raise UnsupportedMediaType(
            f"{app_id} is a commit of an OSTree repository, and no image",
            hint=f"appctl publish {app_id} --to …    (makes an image of it)",
            id=app_id,
        )
    index = Document.parse(get_object(provenance, "index")) if provenance.get("index") else None
    parsed = parse_document(manifest.raw, manifest.media_type)
    if not isinstance(parsed, Manifest):
        raise RepoCorrupt(f"what is recorded of {app_id} is no image", id=app_id)
    config = _config(provenance, get_str(record, "commit"), repository)
    described = parse_config(config)
    fits = (
        str(manifest.digest) == get_str(record, "image_digest")
        and str(index.digest if index else "") == get_str(record, "index_digest")
        and Digest.of(config) == parsed.config.digest
        and len(parsed.layers) == len(described.diff_ids)
    )
    if not fits:
        raise RepoCorrupt(f"what is recorded of {app_id} does not fit together", id=app_id)
    return Image(
        state=state,
        id=app_id,
        remote=get_str(record, "remote"),
        reference=parse_reference(get_str(record, "reference")),
        manifest=manifest,
        index=index,
        config=config,
        parsed=parsed,
        described=described,
        signatures=Signatures.parse(get_object(provenance, "evidence")),
    )


def _config(provenance: JsonObject, commit: str, repository: Repository) -> bytes:
    """From the provenance of a publisher's own commit, else from the commit that was made of the image."""
    if provenance.get("config"):
        return Document.parse(get_object(provenance, "config")).raw
    found = repository.commit(names.check_checksum(commit)).metadata.get(_CONFIG, "")
    return found.encode() if isinstance(found, str) else b""
