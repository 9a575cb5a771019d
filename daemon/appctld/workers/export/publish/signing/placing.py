# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Where signatures go: a lookaside, beside a layout or of the caller's; or a tag beside the image.

Guarantees: no OpenPGP signature that is there is replaced: the next free `signature-N` is taken, as a static
web server serves them. What a cosign key attached takes the place of what was attached before, and that is
told.
"""

import os
from pathlib import Path

from appctld.errors import Failed
from appctld.model.digest import Digest
from appctld.model.manifest import OCI_CONFIG, OCI_MANIFEST, Descriptor
from appctld.workers.export.destination import Destination, writing
from appctld.workers.export.publish.signing import sigstore
from appctld.workers.export.publish.signing.signers import BESIDE, Signatures

SIGNATURES = 32  # of one digest in one lookaside: who installs it reads no more
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def place(signatures: Signatures, destination: Destination, layout: Path | None) -> list[str]:
    """Put each in its place; the places, for people. `layout` is that of the destination, if it has one."""
    shelf = signatures.lookaside or (layout / BESIDE if layout else None)
    places = [_openpgp(found, signatures, destination, shelf) for found in signatures.openpgp]
    if signatures.attached:
        places.append(_attach(signatures, destination))
    return places


def _openpgp(found: bytes, about: Signatures, destination: Destination, shelf: Path | None) -> str:
    for number in range(1, SIGNATURES + 1):
        name = f"{about.identity.repository}@sha256={about.digest.hex}/signature-{number}"
        if shelf is not None and os.path.lexists(shelf / name):
            continue
        if about.lookaside is not None:
            return _write(about.lookaside / name, found)
        if not destination.put_beside(f"{BESIDE}/{name}", found):
            raise Failed("a destination without a place for a signature by GnuPG", hint="--lookaside DIR")
        return f"{BESIDE}/{name}"
    raise Failed(f"{shelf} has {SIGNATURES} signatures of {about.digest} already", hint="take old ones away")


def _write(path: Path, data: bytes) -> str:
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, _NEW, 0o644), "wb") as file:
            file.write(data)
    return str(path)


def _attach(about: Signatures, destination: Destination) -> str:
    config, manifest = sigstore.attachment(about.attached)
    for message, _ in about.attached:
        _put(destination, sigstore.PAYLOAD, message)
    _put(destination, OCI_CONFIG, config)
    tag = sigstore.tag(about.digest)
    name = tag if destination.tag else f"{about.identity.name}:{tag}"
    before = destination.meaning(name)
    destination.put_manifest(manifest, OCI_MANIFEST, name)
    return f"tag {tag}" if before is None else f"tag {tag}, in the place of what was there"


def _put(destination: Destination, media_type: str, data: bytes) -> None:
    blob = Descriptor(media_type, Digest.of(data), len(data))
    if not destination.has(blob):
        destination.put_blob(blob, lambda: iter([data]))
