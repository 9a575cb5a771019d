# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Why a deployment was believed: provenance.json beside its record, so that the verdict can be reached again.

The store writes the file together with the record, before `current` moves (docs/rules.md, R10); this module
says what stands in it and reads it back. What the evidence is worth, the trust room says: here it is JSON.
"""

import base64
import binascii
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from appctld.errors import AppctlError, RepoCorrupt
from appctld.model.jsonvalue import (
    JsonError,
    JsonObject,
    get_bool,
    get_int,
    get_object,
    get_objects,
    get_str,
    parse_object,
)

PROVENANCE = "provenance.json"

PROVENANCE_BYTES = 34 << 20
"""A manifest and an index of 4 MiB each, 32 signatures of 64 KiB, twice (OpenPGP and sigstore), and a commit
of 10 MiB with its 32 are 32 MiB in base64. Real ones are a few KiB."""


@dataclass(frozen=True, slots=True)
class Signed:
    """One signature that counted: primary fingerprint, user ID (foreign text), when (seconds since 1970)."""

    fingerprint: str
    name: str
    signed_at: int

    def to_json(self) -> JsonObject:
        """As records hold it."""
        return {"fingerprint": self.fingerprint, "name": self.name, "signed_at": self.signed_at}

    @classmethod
    def from_json(cls, obj: JsonObject) -> Self:
        """Read it back. Raises JsonError."""
        return cls(get_str(obj, "fingerprint"), get_str(obj, "name"), get_int(obj, "signed_at"))


@dataclass(frozen=True, slots=True)
class Document:
    """Bytes as they came, and what they were served as."""

    raw: bytes
    media_type: str

    def to_json(self) -> JsonObject:
        """In base64."""
        return {"raw": base64.b64encode(self.raw).decode(), "media_type": self.media_type}

    @classmethod
    def from_json(cls, obj: JsonObject) -> Self:
        """Read it back. Raises JsonError."""
        return cls(_raw(obj), get_str(obj, "media_type"))


@dataclass(frozen=True, slots=True)
class Commit:
    """A publisher's commit that an image holds, where the remote asked who signed it: bytes, and evidence."""

    raw: bytes
    evidence: JsonObject

    def to_json(self) -> JsonObject:
        """In base64."""
        return {"raw": base64.b64encode(self.raw).decode(), "evidence": self.evidence}

    @classmethod
    def from_json(cls, obj: JsonObject) -> Self:
        """Read it back. Raises JsonError."""
        return cls(_raw(obj), get_object(obj, "evidence"))


@dataclass(frozen=True, slots=True)
class Judged:
    """What the remote's file asked for at that moment, and what was found."""

    verify: str
    threshold: int
    identity: str
    tag_bound: bool
    checked_at: int
    signers: tuple[Signed, ...]

    def to_json(self) -> JsonObject:
        """As it stands in the file."""
        return {**asdict(self), "signers": [signer.to_json() for signer in self.signers]}

    @classmethod
    def from_json(cls, obj: JsonObject) -> Self:
        """Read it back. Raises JsonError."""
        return cls(
            verify=get_str(obj, "verify"),
            threshold=get_int(obj, "threshold"),
            identity=get_str(obj, "identity"),
            tag_bound=get_bool(obj, "tag_bound"),
            checked_at=get_int(obj, "checked_at"),
            signers=tuple(map(Signed.from_json, get_objects(obj, "signers"))),
        )


@dataclass(frozen=True, slots=True)
class Provenance:
    """What spoke for one deployment. `evidence`, here and in `commit`, is that of trust/evidence.py, as JSON.

    `manifest` is what its digest was computed of; `index` is the document that named it, if there was one.
    `config` is that of an image which is deployed as its publisher's own commit: ours carry theirs.
    """

    reference: str
    remote: str
    manifest: Document
    index: Document | None
    evidence: JsonObject
    judged: Judged
    config: Document | None = None
    commit: Commit | None = None

    def to_json(self) -> JsonObject:
        """As it stands in provenance.json."""
        return {
            "reference": self.reference,
            "remote": self.remote,
            "manifest": self.manifest.to_json(),
            "index": self.index.to_json() if self.index else None,
            "config": self.config.to_json() if self.config else None,
            "commit": self.commit.to_json() if self.commit else None,
            "evidence": self.evidence,
            "judged": self.judged.to_json(),
        }

    @classmethod
    def from_json(cls, obj: JsonObject) -> Self:
        """Read it back. Raises JsonError."""
        index = get_object(obj, "index") if obj.get("index") is not None else None
        config = get_object(obj, "config") if obj.get("config") is not None else None
        commit = get_object(obj, "commit") if obj.get("commit") is not None else None
        return cls(
            reference=get_str(obj, "reference"),
            remote=get_str(obj, "remote"),
            manifest=Document.from_json(get_object(obj, "manifest")),
            index=Document.from_json(index) if index is not None else None,
            config=Document.from_json(config) if config is not None else None,
            commit=Commit.from_json(commit) if commit is not None else None,
            evidence=get_object(obj, "evidence"),
            judged=Judged.from_json(get_object(obj, "judged")),
        )


def _raw(obj: JsonObject) -> bytes:
    try:
        return base64.b64decode(get_str(obj, "raw"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise JsonError("a document that is no base64") from error


def read_provenance(deployment: Path) -> Provenance:
    """What stands beside the record in one deployment directory. Raises RepoCorrupt."""
    try:
        with (deployment / PROVENANCE).open("rb") as file:
            return Provenance.from_json(parse_object(file.read(PROVENANCE_BYTES + 1), PROVENANCE_BYTES))
    except (OSError, JsonError, AppctlError) as error:
        raise RepoCorrupt(
            f"the provenance of {deployment.parent.name} cannot be read", path=str(deployment / PROVENANCE)
        ) from error
