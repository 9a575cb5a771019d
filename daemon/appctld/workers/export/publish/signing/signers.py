# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Who signs a published image, and where each signature goes.

Guarantees: keys and names are looked at before anything leaves; a signature is about one digest and one name.
Leaves to others: making signatures (gpg.py, sigstore.py). A lookaside of the caller's is written as a static
web server would serve it: `REPOSITORY@sha256=HEX/signature-N`, the next N that is free.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from appctld.errors import Failed, InvalidReference
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonObject, get_str
from appctld.model.manifest import Descriptor
from appctld.model.reference import Reference
from appctld.workers.export.destination import Destination, writing
from appctld.workers.export.publish.image import CONFIG, MANIFEST
from appctld.workers.export.publish.signing import gpg, sigstore
from appctld.workers.export.publish.signing.payload import COSIGN, GPG, parse_identity, payload

BESIDE = "lookaside"
SIGNATURES = 64  # of one digest in a lookaside; appctl reads no more of them


@dataclass(frozen=True)
class Signers:
    """`lookaside`: a directory of the caller's, None for the place beside a layout."""

    identity: Reference | None
    gpg_key: str
    cosign_key: sigstore.Key | None
    lookaside: Path | None

    @classmethod
    def parse(cls, sign: JsonObject) -> Self:
        """`{"identity", "gpg", "cosign", "lookaside"}`, each "" for none. Raises what parsing them raises."""
        key, file, beside = get_str(sign, "gpg"), get_str(sign, "cosign"), get_str(sign, "lookaside")
        if not key and not file:
            return cls(None, "", None, None)
        identity = get_str(sign, "identity")
        if not identity:
            raise InvalidReference("an image is signed under a name", hint="--as HOST/REPOSITORY:TAG")
        return cls(
            parse_identity(identity), key, sigstore.read_key(Path(file)) if file else None,
            Path(beside) if beside else None,
        )  # fmt: skip

    def sign(self, digest: Digest, destination: Destination) -> list[str]:
        """Make the signatures, and put each in its place; the places, for people."""
        if self.identity is None:
            return []
        made = [self._gpg(digest, self.identity, destination)] if self.gpg_key else []
        if self.cosign_key is not None:
            made.append(self._cosign(digest, self.identity, self.cosign_key, destination))
        return made

    def _gpg(self, digest: Digest, identity: Reference, destination: Destination) -> str:
        signature = gpg.sign(payload(GPG, digest, identity), self.gpg_key)
        if self.lookaside is not None:
            return _write(self.lookaside, digest, identity, signature)
        path = f"{BESIDE}/{gpg.place(identity, digest, 1)}"
        if not destination.put_beside(path, signature):
            hint = "--lookaside DIR    (what a web server then serves)"
            raise InvalidReference("a registry has no place for a signature by GnuPG", hint=hint)
        return path

    @staticmethod
    def _cosign(digest: Digest, identity: Reference, key: sigstore.Key, destination: Destination) -> str:
        message = payload(COSIGN, digest, identity)
        config, manifest = sigstore.attachment({message: sigstore.sign(message, key)})
        for media_type, data in ((sigstore.PAYLOAD, message), (CONFIG, config)):
            blob = Descriptor(media_type, Digest.of(data), len(data))
            if not destination.has(blob):
                destination.put_blob(blob, lambda data=data: iter([data]))  # type: ignore[misc]
        tag = sigstore.tag(digest)
        name = tag if destination.tag else f"{identity.name}:{tag}"
        destination.put_manifest(manifest, MANIFEST, name)
        return f"tag {tag}"


def _write(lookaside: Path, digest: Digest, identity: Reference, signature: bytes) -> str:
    """The next free place; nothing that is there is replaced. Raises Failed, NoSpace."""
    with writing(lookaside):
        for number in range(1, SIGNATURES + 1):
            path = lookaside / gpg.place(identity, digest, number)
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                opened = os.open(
                    path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644
                )
            except FileExistsError:
                continue
            with os.fdopen(opened, "wb") as file:
                file.write(signature)
            return str(path)
    raise Failed(f"{lookaside} has {SIGNATURES} signatures of {digest} already", hint="")
