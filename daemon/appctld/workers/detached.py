# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The signatures in a commit's detached metadata, which is a GVariant `a{sv}`; pure.

Guarantees: at most so many, each at most so long; nothing else of the metadata is looked at. Nobody signed
this document, and it proves nothing: its signatures do, and the daemon judges them.
"""

from dataclasses import dataclass

from gi.repository import GLib

from appctld.errors import BadManifest, LimitExceeded

SIGNATURES = 32  # as of an image; a repository that several people sign has a handful
SIGNATURE_BYTES = 64 << 10  # as of an image; a signature by RSA 4096 has 566
DETACHED_BYTES = 4 << 20  # both kinds at their limits fill it; the largest seen have some KiB
OPENPGP = "ostree.gpgsigs"
ED25519 = "ostree.sign.ed25519"


@dataclass(frozen=True, slots=True)
class Signatures:
    """Of each kind, in the order that they stand in."""

    openpgp: tuple[bytes, ...] = ()
    ed25519: tuple[bytes, ...] = ()


def parse_signatures(raw: bytes) -> Signatures:
    """Read a detached metadata object. Raises BadManifest, LimitExceeded."""
    metadata = GLib.Variant.new_from_bytes(GLib.VariantType.new("a{sv}"), GLib.Bytes.new(raw), False)  # noqa: FBT003 - GLib's signature
    if not metadata.is_normal_form():
        raise BadManifest("detached metadata that is not in normal form")
    found = Signatures(_signatures(metadata, OPENPGP), _signatures(metadata, ED25519))
    if len(found.openpgp) + len(found.ed25519) > SIGNATURES:
        raise LimitExceeded(f"a commit with more than {SIGNATURES} signatures", limit=SIGNATURES)
    return found


def _signatures(metadata: GLib.Variant, key: str) -> tuple[bytes, ...]:
    value = metadata.lookup_value(key, None)
    if value is None:
        return ()
    if value.get_type_string() != "aay":
        raise BadManifest(f"detached metadata whose {key} is no list of signatures")
    if value.n_children() > SIGNATURES:
        raise LimitExceeded(f"a commit with more than {SIGNATURES} signatures", limit=SIGNATURES)
    found = [value.get_child_value(index) for index in range(value.n_children())]
    if any(signature.get_size() > SIGNATURE_BYTES for signature in found):
        raise LimitExceeded(f"a signature of more than {SIGNATURE_BYTES} bytes", limit=SIGNATURE_BYTES)
    return tuple(signature.get_data_as_bytes().get_data() or b"" for signature in found)
