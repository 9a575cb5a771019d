# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Signatures out of detached metadata: how many, how long, of what type."""

import pytest
from gi.repository import GLib

from appctld.errors import BadManifest, LimitExceeded
from appctld.workers.detached import (
    ED25519,
    OPENPGP,
    SIGNATURE_BYTES,
    SIGNATURES,
    Signatures,
    parse_signatures,
)
from support.repositories.oracle_writer import of_bytes


def metadata(**members: GLib.Variant) -> bytes:
    names = {"openpgp": OPENPGP, "ed25519": ED25519, "other": "xa.other"}
    variant = GLib.Variant("a{sv}", {names[name]: value for name, value in members.items()})
    return variant.get_data_as_bytes().get_data() or b""


def blobs(*values: bytes) -> GLib.Variant:
    builder = GLib.VariantBuilder.new(GLib.VariantType.new("aay"))
    for value in values:
        builder.add_value(of_bytes(value))
    return builder.end()


def test_both_kinds_are_found_beside_anything_else() -> None:
    raw = metadata(openpgp=blobs(b"one", b""), ed25519=blobs(b"two"), other=GLib.Variant("s", "x"))
    assert parse_signatures(raw) == Signatures((b"one", b""), (b"two",))
    assert parse_signatures(metadata()) == Signatures()
    assert parse_signatures(b"") == Signatures()


def test_what_is_allowed_is_allowed() -> None:
    raw = metadata(openpgp=blobs(*[b"x" * SIGNATURE_BYTES] * (SIGNATURES - 1)), ed25519=blobs(b"y"))
    assert len(parse_signatures(raw).openpgp) == SIGNATURES - 1


TOO_MUCH = [
    metadata(openpgp=blobs(*[b"x"] * (SIGNATURES + 1))),
    metadata(ed25519=blobs(*[b"x"] * (SIGNATURES + 1))),
    metadata(openpgp=blobs(*[b"x"] * SIGNATURES), ed25519=blobs(b"x")),
    metadata(openpgp=blobs(b"x" * (SIGNATURE_BYTES + 1))),
    metadata(ed25519=blobs(b"", b"x" * (SIGNATURE_BYTES + 1))),
]


@pytest.mark.parametrize("raw", TOO_MUCH, ids=range(len(TOO_MUCH)))
def test_more_is_refused(raw: bytes) -> None:
    with pytest.raises(LimitExceeded):
        parse_signatures(raw)


NO_METADATA = [
    b"\xff" * 100,
    b"ostree.gpgsigs\0garbage",
    metadata(openpgp=GLib.Variant("ay", b"x")),
    metadata(ed25519=GLib.Variant("s", "x")),
    metadata(openpgp=blobs(b"x")) + b"\0",
]


@pytest.mark.parametrize("raw", NO_METADATA, ids=range(len(NO_METADATA)))
def test_what_is_no_metadata_is_refused(raw: bytes) -> None:
    with pytest.raises(BadManifest):
        parse_signatures(raw)
