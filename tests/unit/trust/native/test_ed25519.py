# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Ed25519 over plain bytes: the test vectors of RFC 8032, and what is no signature."""

import pytest

from appctld.trust.native.ed25519 import fingerprint, signing_key

# RFC 8032, 7.1, TEST 2
KEY = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
SIGNATURE = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)
SIGNED = b"\x72"
OTHER = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")


def test_the_key_that_made_it_is_found() -> None:
    assert signing_key(SIGNATURE, SIGNED, [KEY]) == KEY
    assert signing_key(SIGNATURE, SIGNED, [OTHER, KEY]) == KEY


def test_a_key_is_named_by_its_bytes() -> None:
    assert fingerprint(KEY) == "3D4017C3E843895A92B70AA74D1B7EBC9C982CCF2EC4968CC0CD55F12AF4660C"


@pytest.mark.parametrize(
    ("signature", "signed", "keys"),
    [
        (SIGNATURE, SIGNED, []),
        (SIGNATURE, SIGNED, [OTHER]),
        (SIGNATURE, b"\x73", [KEY]),
        (SIGNATURE, b"", [KEY]),
        (SIGNATURE[:-1], SIGNED, [KEY]),
        (SIGNATURE + b"\0", SIGNED, [KEY]),
        (b"", SIGNED, [KEY]),
        (bytes(64), SIGNED, [KEY]),
        (SIGNATURE, SIGNED, [b"short"]),
    ],
)
def test_anything_else_is_nobodys(signature: bytes, signed: bytes, keys: list[bytes]) -> None:
    assert signing_key(signature, signed, keys) is None
