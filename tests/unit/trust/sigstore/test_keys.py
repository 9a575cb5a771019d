# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which files of cosign keys are taken, and what a key says about a signature."""

import base64
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from appctld.trust.sigstore.keys import KEYS, KEYS_BYTES, KeysError, read_public_keys, write_public_keys
from support.signatures.cosign import CosignKey

FIXTURES = Path(__file__).parents[3] / "fixtures/keys"
KINDS = ["p256", "p384", "ed25519", "rsa2048", "rsa3072"]
WEAK = ["p521", "k256", "ed448", "rsa1024", "dsa"]
KEY = CosignKey()


@cache
def key_of(kind: str, owner: str = "acme") -> CosignKey:
    """A key of that kind, the same each time: a large one takes long to find."""
    return CosignKey(kind)


def pem(der: bytes, label: str = "PUBLIC KEY") -> bytes:
    body = base64.encodebytes(der).decode()
    return f"-----BEGIN {label}-----\n{body}-----END {label}-----\n".encode()


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_is_known_by_the_hash_of_its_der_form(kind: str) -> None:
    key = key_of(kind)
    (read,) = read_public_keys(key.pem)
    assert read.fingerprint == key.fingerprint


@pytest.mark.parametrize("kind", WEAK)
def test_kinds_that_do_not_count_are_refused_by_name(kind: str) -> None:
    with pytest.raises(KeysError, match="P-256 or P-384, Ed25519, or RSA of 2048"):
        read_public_keys(CosignKey(kind).pem)


def test_several_keys_stand_one_below_the_other_and_each_counts_once() -> None:
    one, two = CosignKey(), CosignKey("ed25519")
    found = read_public_keys(b"\n" + one.pem + b"\r\n\n" + two.pem + one.pem)
    assert [key.fingerprint for key in found] == [one.fingerprint, two.fingerprint]
    assert write_public_keys(found) == one.pem + two.pem


def test_one_key_has_one_fingerprint_however_it_is_spelled() -> None:
    point = load_der_public_key(KEY.der).public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    head = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200")
    (read,) = read_public_keys(pem(head + point))
    assert read.fingerprint == KEY.fingerprint
    assert write_public_keys([read]) == KEY.pem


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "holds no key"),
        (b"\n \n", "holds no key"),
        (KEY.private_pem, "holds a private key"),
        (KEY.pem + KEY.private_pem, "holds a private key"),
        (pem(KEY.der, "ENCRYPTED SIGSTORE PRIVATE KEY"), "holds a private key"),
        (pem(KEY.der, "CERTIFICATE"), "'CERTIFICATE'"),
        (pem(KEY.der, "RSA PUBLIC KEY"), "'RSA PUBLIC KEY'"),
        (pem(b"\x30\x00"), "no public key"),
        (b"-----BEGIN PUBLIC KEY-----\n%%%\n-----END PUBLIC KEY-----\n", "no public key"),
        (KEY.pem.replace(b"MFkw", b"MF%kw"), "no public key"),
        (KEY.pem[:-10], "no file of PEM blocks"),
        (KEY.pem + b"more", "no file of PEM blocks"),
        (b"# a comment\n" + KEY.pem, "no file of PEM blocks"),
        (KEY.der, "no file of PEM blocks"),
        (b"\n" * (KEYS_BYTES + 1) + KEY.pem, "more than 65536 bytes"),
        (b"".join(CosignKey("ed25519").pem for _ in range(KEYS + 1)), "more than 32 keys"),
    ],
    ids=range(16),
)
def test_anything_but_public_keys_is_refused_in_words(data: bytes, words: str) -> None:
    with pytest.raises(KeysError, match=words):
        read_public_keys(data)


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_knows_its_own_signatures_and_no_others(kind: str) -> None:
    key, other = key_of(kind), key_of(kind, "another")
    (read,) = read_public_keys(key.pem)
    signature = key.sign(b"payload")
    assert read.made(signature, b"payload")
    assert not read.made(signature, b"payloads")
    assert not read.made(signature[:-1], b"payload")
    assert not read.made(b"", b"payload")
    assert not read.made(other.sign(b"payload"), b"payload")


def test_the_hashes_are_those_of_cosign() -> None:
    """SHA-256 everywhere; with P-384 SHA-384 too, which cosign uses since 2.6; RSA is PKCS #1 v1.5."""
    p256, p384, rsa = KEY, key_of("p384"), key_of("rsa2048")
    made = {
        (kind, hashed.name): read_public_keys(key.pem)[0].made(key.sign(b"x", hashed), b"x")
        for kind, key in (("p256", p256), ("p384", p384), ("rsa", rsa))
        for hashed in (SHA1(), SHA256(), SHA384(), SHA512())  # noqa: S303 - to be refused
    }
    assert {which for which, counts in made.items() if counts} == {
        ("p256", "sha256"),
        ("p384", "sha256"),
        ("p384", "sha384"),
        ("rsa", "sha256"),
    }
    assert not read_public_keys(rsa.pem)[0].made(rsa.sign_pss(b"x"), b"x")


def test_golden_keys_are_read() -> None:
    found = [read_public_keys((FIXTURES / f"{name}.pub").read_bytes()) for name in ("cosign", "stranger")]
    assert [len(keys) for keys in found] == [1, 1]


def test_the_daemon_starts_without_what_only_cosign_needs() -> None:
    program = "import sys, appctld.__main__; sys.exit('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
