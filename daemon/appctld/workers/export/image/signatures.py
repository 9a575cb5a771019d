# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An image's signatures on their way out, to where a reader of the destination looks for them.

OpenPGP's lie beside a layout, `lookaside/<repository>@sha256=<hex>/signature-N`; sigstore's are manifests of
their own, behind the tag `sha256-<hex>.sig`, bundles as referrers, and for a reader without that API behind
the tag `sha256-<hex>`. Guarantees: what is written is what was found at the install, in that order, so a
verdict is reached again; what others signed there is not replaced. Leaves to others: whether it is any good,
which nobody here judges.
"""

import base64
import json
from collections.abc import Mapping, Sequence

from appctld.model.digest import Digest
from appctld.model.manifest import OCI_CONFIG, OCI_EMPTY, OCI_INDEX, OCI_MANIFEST, Descriptor
from appctld.workers.export.destination import Destination
from appctld.workers.export.image.installed import Image, Simple


def put_signatures(image: Image, signed: Descriptor, destination: Destination) -> tuple[int, list[str]]:
    """Write what spoke for `signed`; how many went along, and in words what could not."""
    found, tag = image.signatures, f"sha256-{image.signatures.digest.hex}"
    parts: list[tuple[int, list[str]]] = []
    if found.openpgp:
        parts.append((len(found.openpgp), _put_openpgp(image, destination)))
    if found.simple:
        raw = _simple(found.simple, destination)
        parts.append((len(found.simple), _put_named(raw, OCI_MANIFEST, f"{tag}.sig", destination)))
    if found.bundles:
        raw = _bundles(found.bundles, signed, destination)
        parts.append((len(found.bundles), _put_named(raw, OCI_INDEX, tag, destination)))
    left = [words for _, refused in parts for words in refused]
    return sum(count for count, refused in parts if not refused), left


def _put_named(raw: bytes, media_type: str, tag: str, destination: Destination) -> list[str]:
    """Write a document of signatures, unless there is another one of that name."""
    there = destination.meaning(tag)
    if there is not None and there != Digest.of(raw):
        return [f"sigstore signatures: {tag} is there, with others"]
    destination.put_manifest(raw, media_type, tag)
    return []


def _put_openpgp(image: Image, destination: Destination) -> list[str]:
    found = image.signatures
    base = f"lookaside/{image.reference.repository}@sha256={found.digest.hex}"
    places = [
        destination.put_beside(f"{base}/signature-{number}", blob)
        for number, blob in enumerate(found.openpgp, 1)
    ]
    return [] if all(places) else ["OpenPGP signatures: a registry has no place for them"]


def _simple(signatures: Sequence[Simple], destination: Destination) -> bytes:
    """One manifest of all signatures, as cosign writes it."""
    from appctld.workers.fetch.attachments import SIGNATURE, SIMPLE_TYPE  # noqa: PLC0415 - brings HTTP along

    layers = []
    for one in signatures:
        payload = _put(one.payload, SIMPLE_TYPE, destination)
        annotations = {SIGNATURE: base64.b64encode(one.signature).decode()}
        layers.append({**payload.to_json(), "annotations": annotations})
    diff_ids = [str(Digest.of(one.payload)) for one in signatures]
    config = {"architecture": "", "config": {}, "os": "", "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    return _manifest(_put(_encoded(config), OCI_CONFIG, destination), layers)


def _bundles(found: Sequence[tuple[bytes, bytes]], signed: Descriptor, destination: Destination) -> bytes:
    """An index of them, each of which has a manifest that names what it is about."""
    from appctld.workers.fetch.attachments import PREDICATE, SIGNS, SIMPLE_TYPE  # noqa: PLC0415 - as above
    from appctld.workers.fetch.bundle import BUNDLE_TYPE  # noqa: PLC0415

    entries = []
    annotations = {PREDICATE: SIGNS}
    for document, payload in found:
        parts = [_put(document, BUNDLE_TYPE, destination).to_json()]
        parts += [_put(payload, SIMPLE_TYPE, destination).to_json()] if payload else []
        config = _put(b"{}", OCI_EMPTY, destination)
        raw = _manifest(
            config, parts, artifactType=BUNDLE_TYPE, subject=signed.to_json(), annotations=annotations
        )
        written = destination.put_manifest(raw, OCI_MANIFEST)
        entries.append({**written.to_json(), "artifactType": BUNDLE_TYPE, "annotations": annotations})
    return _encoded({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})


def _put(data: bytes, media_type: str, destination: Destination) -> Descriptor:
    blob = Descriptor(media_type, Digest.of(data), len(data))
    if not destination.has(blob):
        destination.put_blob(blob, lambda: iter([data]))
    return blob


def _manifest(config: Descriptor, layers: Sequence[Mapping[str, object]], **more: object) -> bytes:
    return _encoded(
        {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config.to_json(), "layers": layers, **more}
    )


def _encoded(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
