# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Signatures beside an image in its registry, as cosign lays them out: documents, and a way to push them.

    push(registry.host, "demo/plain", digest, key.attach(digest, identity), key.bundle(statement(digest)))

Attachments go behind the tag `sha256-<hex>.sig` (cosign 2), bundles each into a document of their own that an
index behind the tag `sha256-<hex>` names (cosign 3, at a registry without the referrers API).
"""

import base64
import json
from collections.abc import Mapping
from typing import Any

from appctld.trust.evidence import Attachment, Bundle
from support.publishers.forge import digest_of, put_blob, put_manifest
from support.signatures.cosign import BUNDLE, PREDICATE

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json"
CONFIG, EMPTY = "application/vnd.oci.image.config.v1+json", "application/vnd.oci.empty.v1+json"
Document = dict[str, Any]


def layer(data: bytes, media_type: str, annotations: Mapping[str, str] | None = None) -> Document:
    """A descriptor."""
    found: Document = {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}
    return {**found, "annotations": dict(annotations)} if annotations else found


def simple_layer(found: Attachment, **annotations: str) -> Document:
    """The layer of an attachment, with the signature in its annotation."""
    signature = base64.b64encode(found.signature).decode()
    return layer(found.payload, SIMPLE, {"dev.cosignproject.cosign/signature": signature, **annotations})


def manifest(*layers: Document, config: str = CONFIG, **members: object) -> bytes:
    """A document whose layers are signatures."""
    document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": layer(b"{}", config), "layers": layers}
    return json.dumps({**document, **members}).encode()


def bundle_manifest(found: Bundle, digest: str) -> bytes:
    """The document around one bundle, as cosign 3 writes it."""
    beside = [layer(found.payload, SIMPLE)] if found.payload else []
    annotations = {"dev.sigstore.bundle.predicateType": PREDICATE}
    subject = {"mediaType": MANIFEST, "digest": digest, "size": 1}
    return manifest(
        layer(found.document, BUNDLE),
        *beside,
        config=EMPTY,
        artifactType=BUNDLE,
        subject=subject,
        annotations=annotations,
    )


def entry(document: bytes, artifact: str = BUNDLE) -> Document:
    """What an index of referrers says of a document."""
    return {**layer(document, MANIFEST), "artifactType": artifact}


def index(*entries: Document) -> bytes:
    """An index of referrers."""
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()


def push(host: str, repository: str, digest: str, *found: Attachment | Bundle) -> None:
    """Put signatures of `digest` (`sha256:<hex>`) into a real registry."""
    tag = digest.replace(":", "-")
    attachments = [one for one in found if isinstance(one, Attachment)]
    bundles = [one for one in found if isinstance(one, Bundle)]
    put_blob(host, repository, b"{}")
    for attachment in attachments:
        put_blob(host, repository, attachment.payload)
    if attachments:
        put_manifest(host, repository, f"{tag}.sig", manifest(*map(simple_layer, attachments)), MANIFEST)
    documents = [bundle_manifest(bundle, digest) for bundle in bundles]
    for bundle, document in zip(bundles, documents, strict=True):
        for blob in (bundle.document, bundle.payload):
            put_blob(host, repository, blob)
        put_manifest(host, repository, digest_of(document), document, MANIFEST)
    if documents:
        put_manifest(host, repository, tag, index(*map(entry, documents)), INDEX)
