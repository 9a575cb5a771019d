# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Who signs a published image, and what they made of it.

Guarantees: what is asked for is looked at before anything is read, and signatures are made before anything
leaves; each is about one digest and one name. Leaves to others: how one is made (gpg.py, sigstore.py), and
where it goes (placing.py).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from appctld.errors import InvalidReference
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonObject, get_str
from appctld.model.reference import Reference
from appctld.workers.export.publish.signing import gpg, sigstore
from appctld.workers.export.publish.signing.payload import COSIGN, GPG, parse_identity, payload

BESIDE = "lookaside"


@dataclass(frozen=True)
class Signatures:
    """Those of one digest under one name: OpenPGP messages, and payloads with what a cosign key made of each.

    `lookaside` is the caller's directory for the first kind, None for the place beside a layout.
    """

    digest: Digest
    identity: Reference
    openpgp: tuple[bytes, ...]
    attached: tuple[tuple[bytes, bytes], ...]
    lookaside: Path | None


@dataclass(frozen=True)
class Signers:
    """Keys, and the name under which they sign."""

    identity: Reference
    gpg_key: str
    cosign_key: sigstore.Key | None
    lookaside: Path | None

    @classmethod
    def parse(cls, sign: JsonObject, to: JsonObject) -> Self | None:
        """`{"identity", "gpg", "cosign", "lookaside"}`, each "" for none; None where nobody signs.

        Raises InvalidReference, NotFound, UnsupportedMediaType, LimitExceeded.
        """
        key, file, beside = get_str(sign, "gpg"), get_str(sign, "cosign"), get_str(sign, "lookaside")
        if not key and not file:
            return None
        identity = get_str(sign, "identity")
        if not identity:
            raise InvalidReference("an image is signed under a name", hint="--as HOST/REPOSITORY:TAG")
        if key and not beside and get_str(to, "kind") == "registry":
            hint = "--lookaside DIR    (what a web server then serves)"
            raise InvalidReference("a registry has no place for a signature by GnuPG", hint=hint)
        return cls(
            parse_identity(identity),
            key,
            sigstore.read_key(Path(file)) if file else None,
            Path(beside) if beside else None,
        )

    def sign(self, digest: Digest) -> Signatures:
        """Make the signatures. Raises InvalidReference (a key that GnuPG does not have), Failed."""
        openpgp = [gpg.sign(payload(GPG, digest, self.identity), self.gpg_key)] if self.gpg_key else []
        message = payload(COSIGN, digest, self.identity)
        attached = [] if self.cosign_key is None else [(message, sigstore.sign(message, self.cosign_key))]
        return Signatures(digest, self.identity, tuple(openpgp), tuple(attached), self.lookaside)
