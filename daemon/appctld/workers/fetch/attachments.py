# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What sigstore attaches to an image in its own repository: signatures of a digest, where cosign puts them.

Three places, all of them: the tag `sha256-<hex>.sig`; the referrers API; and, where a registry does not offer
that, the tag `sha256-<hex>` (distribution-spec, "Listing Referrers", first page). Guarantees: at most 32
signatures of 64 KiB each, a blob is what the document says that names it, and every place is reported. What
does not look like a signature of an image is passed over. Nobody believes what is found: trust says what it
is worth.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from appctld.errors import BadManifest
from appctld.model.digest import Digest
from appctld.model.jsonvalue import (
    JsonError,
    JsonObject,
    get_int,
    get_objects,
    get_str,
    get_string_map,
    parse_object,
)
from appctld.model.manifest import MANIFEST_BYTES, MANIFEST_TYPES, OCI_CONFIG, OCI_EMPTY
from appctld.workers.fetch.bundle import BUNDLE_TYPE, identity_in, signed_beside
from appctld.workers.fetch.certificate import identity_of
from appctld.workers.fetch.source import Source

SIGNATURES = 32  # more keys than any publisher signs with; as many as trust looks at
SIGNATURE_BYTES = 64 << 10  # of a payload or a bundle; real ones have 1 KiB, or 10 with proofs
DOCUMENT_BYTES = 1 << 20  # a manifest of 32 signatures with certificates in its annotations has some 400 KiB
REQUESTS = 128  # a document and a blob for each of 32 signatures, and as many that are something else
SIMPLE_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE = "dev.cosignproject.cosign/signature"
CERTIFICATE = "dev.sigstore.cosign/certificate"
PREDICATE = "dev.sigstore.bundle.predicateType"
SIGNS = "https://sigstore.dev/cosign/sign/v1"  # other predicates are attestations about an image
ARTIFACTS = frozenset(
    {
        "",
        BUNDLE_TYPE,
        SIMPLE_TYPE,
        "application/vnd.dev.cosign.artifact.sig.v1+json",
        OCI_EMPTY,  # what older registries take from a config that says nothing
        OCI_CONFIG,
    }
)
_OK = 200
_ABSENT = frozenset({404, 410})
_NOT_OFFERED = _ABSENT | {400, 403, 405, 406, 501}  # what registries say to an API that they do not know


@dataclass(frozen=True, slots=True)
class Attached:
    """One signature. Of a simple one `signed` is its payload and `document` the raw signature.

    Of a bundle `document` is its JSON, and `signed` what it signs where that lies beside it.
    """

    bundle: bool
    signed: bytes
    document: bytes
    identity: str


@dataclass(slots=True)
class Found:
    """The signatures in their order, and each place with what was there, in words."""

    attached: list[Attached] = field(default_factory=list)
    looked_at: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Blob:
    """A layer of a document."""

    media_type: str
    digest: Digest
    annotations: Mapping[str, str]


def collect(source: Source, digest: Digest) -> Found:
    """Look at the three places. Raises LimitExceeded, CredentialScope, Transport."""
    search = _Search(source)
    search.tag(f"sha256-{digest.hex}.sig", f"tag sha256-{digest.hex[:4]}….sig")
    if not search.referrers(f"referrers/{digest}", "referrers", _NOT_OFFERED):
        search.referrers(f"manifests/sha256-{digest.hex}", f"tag sha256-{digest.hex[:4]}…", _ABSENT)
    return search.found


class _Search:
    """One look at one repository."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._seen: set[Digest] = set()
        self._left = REQUESTS
        self.found = Found()

    def tag(self, tag: str, place: str) -> None:
        """Look at what a tag names."""
        status, data = self._source.look(f"manifests/{tag}", DOCUMENT_BYTES, _ABSENT)
        self.found.looked_at.append(f"{place} ({status})")
        self._document(data)

    def referrers(self, path: str, place: str, absent: frozenset[int]) -> bool:
        """Look at what an index of referrers names; whether there was one."""
        status, data = self._source.look(path, MANIFEST_BYTES, absent)
        entries = list(_entries(data))
        self.found.looked_at.append(f"{place} ({len(entries) if status == _OK else status})")
        for entry in entries:
            if entry not in self._seen and self._goes_on():
                self._document(self._fetched(f"manifests/{entry}", entry, DOCUMENT_BYTES))
        return status == _OK

    def _goes_on(self) -> bool:
        """Whether one more may be looked at."""
        return self._left > 0 and len(self.found.attached) < SIGNATURES

    def _document(self, data: bytes) -> None:
        """Take the signatures that a manifest names; one that is looked at twice counts once."""
        self._seen.add(Digest.of(data))
        blobs = list(_layers(data))
        beside = {blob.digest: blob for blob in blobs if blob.media_type == SIMPLE_TYPE}
        for blob in blobs:
            if not self._goes_on():
                return
            attached = self._simple(blob) if blob.media_type == SIMPLE_TYPE else self._bundle(blob, beside)
            self.found.attached += [attached] if attached else []

    def _simple(self, blob: _Blob) -> Attached | None:
        """A payload whose signature stands in the annotation beside it; nothing for one without."""
        try:
            signature = base64.b64decode(blob.annotations[SIGNATURE], validate=True)
        except (KeyError, binascii.Error, ValueError):
            return None
        payload = self._blob(blob)
        if not payload:
            return None
        certificate = blob.annotations.get(CERTIFICATE)
        identity = "" if certificate is None else identity_of(certificate.encode())
        return Attached(bundle=False, signed=payload, document=signature, identity=identity)

    def _bundle(self, blob: _Blob, beside: Mapping[Digest, _Blob]) -> Attached | None:
        if blob.media_type != BUNDLE_TYPE:
            return None
        document = self._blob(blob)
        if not document:
            return None
        signs = signed_beside(document)
        payload = self._blob(beside[signs]) if signs and signs in beside else b""
        return Attached(bundle=True, signed=payload, document=document, identity=identity_in(document))

    def _blob(self, blob: _Blob) -> bytes:
        return self._fetched(f"blobs/{blob.digest}", blob.digest, SIGNATURE_BYTES)

    def _fetched(self, path: str, digest: Digest, limit: int) -> bytes:
        """The bytes of that digest; none, and a word about it, where they are not there or others."""
        self._left -= 1
        status, data = self._source.look(path, limit, _ABSENT)
        if status == _OK and Digest.of(data) == digest:
            return data
        what = "other bytes" if status == _OK else status
        self.found.looked_at.append(f"{digest.hex[:4]}… ({what})")
        return b""


def _entries(data: bytes) -> Iterator[Digest]:
    """The documents of an index that may hold signatures; what is no index has none."""
    try:
        for item in get_objects(parse_object(data, MANIFEST_BYTES), "manifests"):
            if get_str(item, "mediaType") in MANIFEST_TYPES and _may_sign(item):
                yield Digest.parse(get_str(item, "digest"))
    except (JsonError, BadManifest):
        return


def _may_sign(item: JsonObject) -> bool:
    predicate = get_string_map(item, "annotations", {}).get(PREDICATE, SIGNS)
    return get_str(item, "artifactType", "") in ARTIFACTS and predicate == SIGNS


def _layers(data: bytes) -> Iterator[_Blob]:
    """The layers of a manifest of signatures that are not too large for one; what is no manifest has none."""
    try:
        document = parse_object(data, DOCUMENT_BYTES)
        if not _may_sign(document):
            return
        for item in get_objects(document, "layers"):
            size = get_int(item, "size")
            if 0 < size <= SIGNATURE_BYTES:
                digest, annotations = get_str(item, "digest"), get_string_map(item, "annotations", {})
                yield _Blob(get_str(item, "mediaType"), Digest.parse(digest), annotations)
    except (JsonError, BadManifest):
        return
