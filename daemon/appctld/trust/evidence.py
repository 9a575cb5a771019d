# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What was found that may speak for a digest: signatures as they came, nothing of them checked.

Pure. Guarantees: what is written as JSON reads back as the same, so that a verdict can be reached again from
what is stored. What any of it is worth, `verdict.py` says.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from appctld.model.digest import Digest
from appctld.model.jsonvalue import Json, JsonError, JsonObject, get_objects, get_str, get_strings


@dataclass(frozen=True, slots=True)
class Attachment:
    """A sigstore signature that lies in the registry beside its image.

    `payload` is what was signed, `signature` the raw bytes over it. `identity` is whom a certificate beside
    it names (foreign text): such a signature was made without a key, and never counts.
    """

    payload: bytes
    signature: bytes
    identity: str = ""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A sigstore bundle that lies in the registry beside its image: `document` is its JSON.

    `payload` is what a bundle without an envelope signs, where that lies beside it; `identity` as above.
    """

    document: bytes
    payload: bytes = b""
    identity: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything found about one digest: OpenPGP blobs, what sigstore attaches, and where it was looked for.

    About a commit the OpenPGP blobs are detached signatures, and `ed25519` are raw ones. `looked_at` is for
    people, "URL (status)".
    """

    digest: Digest
    openpgp: tuple[bytes, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    looked_at: tuple[str, ...] = ()
    ed25519: tuple[bytes, ...] = ()
    bundles: tuple[Bundle, ...] = ()

    def to_json(self) -> JsonObject:
        """As it is kept beside a deployment."""
        return {
            "digest": str(self.digest),
            "openpgp": _texts(self.openpgp),
            "attachments": [
                {"payload": _text(one.payload), "signature": _text(one.signature), "identity": one.identity}
                for one in self.attachments
            ],
            "looked_at": list(self.looked_at),
            "ed25519": _texts(self.ed25519),
            "bundles": [
                {"document": _text(one.document), "payload": _text(one.payload), "identity": one.identity}
                for one in self.bundles
            ],
        }

    @classmethod
    def from_json(cls, obj: JsonObject) -> Self:
        """Read it back. Raises JsonError or BadManifest (a digest)."""
        return cls(
            digest=Digest.parse(get_str(obj, "digest")),
            openpgp=tuple(_bytes(text) for text in get_strings(obj, "openpgp")),
            attachments=tuple(
                Attachment(
                    _bytes(get_str(one, "payload")),
                    _bytes(get_str(one, "signature")),
                    get_str(one, "identity"),
                )
                for one in get_objects(obj, "attachments")
            ),
            looked_at=tuple(get_strings(obj, "looked_at")),
            ed25519=tuple(_bytes(text) for text in get_strings(obj, "ed25519")),
            bundles=tuple(
                Bundle(
                    _bytes(get_str(one, "document")),
                    _bytes(get_str(one, "payload")),
                    get_str(one, "identity"),
                )
                for one in get_objects(obj, "bundles")
            ),
        )


def _texts(blobs: Sequence[bytes]) -> list[Json]:
    return [_text(blob) for blob in blobs]


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise JsonError("a signature that is no base64") from error
