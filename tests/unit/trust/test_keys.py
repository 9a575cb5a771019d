# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Reading keyrings that gpg wrote, and refusing what is none."""

from pathlib import Path

import pytest

from appctld.trust.keys import KeyringError, read_keyring, revoked_parts, unrevoked_parts
from support.signatures.keys import Keys

GOLDEN = Path(__file__).parents[2] / "fixtures/keys"


def test_the_golden_keys() -> None:
    both = (GOLDEN / "publisher.gpg").read_bytes() + (GOLDEN / "other.gpg").read_bytes()
    publisher, other = read_keyring(both)
    assert publisher.fingerprint == "A9224799278A335FAF0F5956CEDCC28E78EBA748"
    assert publisher.names == ["publisher <publisher@example.org>"]
    assert other.fingerprint == "2EDE059432762767B7BD4C67647024864A4B5B7A"


def test_subkeys_and_their_signatures_are_no_keys_of_their_own() -> None:
    with Keys() as keys:
        primary = keys.make("with-subkeys")
        keys.add_subkey(primary)
        keys.gpg("--quick-add-uid", primary, "Second name")
        (found,) = read_keyring(keys.export(primary))
    assert found.fingerprint == primary
    assert sorted(found.names) == ["Second name", "with-subkeys <with-subkeys@example.org>"]


def test_revocations_are_told_of_keys_and_of_subkeys() -> None:
    with Keys() as keys:
        primary = keys.make("loses-a-subkey")
        subkey = keys.add_subkey(primary)
        before = keys.export(primary)
        assert unrevoked_parts(before) == {primary, subkey}
        assert revoked_parts(before) == set()
        keys.revoke_subkey(primary)
        after = keys.export(primary)
        assert unrevoked_parts(after) == {primary}
        assert revoked_parts(after) == {subkey}
        assert unrevoked_parts(before + after) == {primary, subkey}, "one copy has no revocation"
        keys.revoke(primary)
        assert revoked_parts(keys.export(primary)) == {primary, subkey}


def test_a_revocation_of_version_3_is_one_too() -> None:
    key = b"\xc6\x02\x04a"
    for kind, revoked in ((b"\x20", True), (b"\x10", False)):
        (found,) = read_keyring(key + b"\xc2\x03\x03\x05" + kind)
        assert found.parts == {found.fingerprint: revoked}


def test_both_forms_of_packet_length() -> None:
    """Old is what gpg writes, new what other programs do (RFC 4880, 4.2.2)."""
    old = (GOLDEN / "publisher.gpg").read_bytes()
    assert old[0] == 0x99
    size = int.from_bytes(old[1:3], "big")
    body = old[3 : 3 + size]
    two = bytes([((size - 192) >> 8) + 192, (size - 192) & 0xFF])
    five = b"\xff" + size.to_bytes(4, "big")
    for length in (two, five):
        new = b"\xc6" + length + body + b"\xcd\x02ab"
        (key,) = read_keyring(new)
        assert (key.fingerprint, key.names) == ("A9224799278A335FAF0F5956CEDCC28E78EBA748", ["ab"])


def test_a_key_of_version_5_has_a_longer_fingerprint() -> None:
    (key,) = read_keyring(b"\xc6\x03\x05ab")
    assert len(key.fingerprint) == 64


def test_a_secret_key_is_refused(keys: Keys, publisher: str) -> None:
    with pytest.raises(KeyringError, match="secret"):
        read_keyring(keys.export_secret(publisher))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        (GOLDEN / "publisher.asc").read_bytes(),
        (GOLDEN / "publisher.gpg").read_bytes()[:-1],
        (GOLDEN / "publisher.gpg").read_bytes() + b"\x00",
        b"\xcd\x02ab",  # a user ID and no key
        b"\xc6",
        b"\xc6\xc1",
        b"\xc6\xff\x00",
        b"\xc6\xe1" + b"\x04" * 10,  # a partial length
        b"\x9b" + b"\x04" * 10,  # an indeterminate length
        b"\xc6\x03\x03ab",  # version 3
    ],
)
def test_what_is_no_keyring_is_refused(data: bytes) -> None:
    with pytest.raises(KeyringError):
        read_keyring(data)
