# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Signatures that must not let an image in, and those that must: each judged by the real judge.

A case is its name, what it is, and how it ends: `accept`, or the leaf of the error tree. GPG's are made by a
real gpg and judged by gpgv in its sandbox, cosign's by `cryptography` in the forms that cosign writes; what
these say stands in test_statement_matrix.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import hashes

from appctld.model.reference import Reference
from appctld.trust.evidence import Attachment
from support.signatures import blobs
from support.signatures.cosign import CosignKey
from support.signatures.judging import (
    ACCEPT,
    BOTH,
    COSIGN,
    DIGEST,
    EVIL,
    KEY,
    NAME,
    PAYLOAD,
    PINNED,
    SECOND,
    STRANGER,
    TAG,
    TAGGED,
    Asked,
    Found,
    outcome,
)
from support.signatures.keys import Keys, payload
from support.signatures.policy import Trusting

SHA1 = hashes.SHA1()  # noqa: S303 - to be refused


# --- what gpg made

BLOBS = [
    (blobs.good, "a good signature", ACCEPT),
    (blobs.good_rsa_with_subkey, "by a signing subkey of an RSA key", ACCEPT),
    (blobs.good_sha384, "with SHA-384", ACCEPT),
    (blobs.good_sha512, "with SHA-512", ACCEPT),
    (blobs.good_dated_in_an_hour, "by a clock that is an hour ahead", ACCEPT),
    (blobs.key_expired_after_signing, "the key expired since", "SignatureInvalid"),
    (blobs.subkey_expired_after_signing, "the subkey expired since", "SignatureInvalid"),
    (blobs.key_revoked, "the key was revoked", "SignatureInvalid"),
    (blobs.key_superseded, "the key was replaced by another", "SignatureInvalid"),
    (blobs.subkey_revoked, "the subkey was revoked", "SignatureInvalid"),
    (blobs.signature_expired, "the signature expired", "SignatureInvalid"),
    (blobs.sha1, "with SHA-1", "SignatureInvalid"),
    (blobs.ripemd160, "with RIPEMD-160", "SignatureInvalid"),
    (blobs.dated_2040, "dated in 2040", "SignatureInvalid"),
    (blobs.good_and_unknown_in_one, "two signatures in one, the second unknown", "SignatureInvalid"),
    (blobs.unknown_and_good_in_one, "two signatures in one, the first unknown", "SignatureInvalid"),
    (blobs.good_and_revoked_in_one, "two signatures in one, one key revoked", "SignatureInvalid"),
    (blobs.two_good_in_one, "two good signatures in one", "SignatureInvalid"),
    (blobs.unsigned_literal, "a message without a signature", "SignatureInvalid"),
    (blobs.unsigned_literal_then_good, "an unsigned message before a signed one", "SignatureInvalid"),
    (blobs.cleartext, "cleartext", "SignatureInvalid"),
    (blobs.text_mode, "a signature of text, not of bytes", "SignatureInvalid"),
    (blobs.detached, "detached from what it signs", "SignatureInvalid"),
    (blobs.armored_keyring, "a keyring that gpgv cannot read", "UntrustedSigner"),
    (blobs.empty_keyring, "an empty keyring", "UntrustedSigner"),
    (blobs.missing_keyring, "no keyring", "UntrustedSigner"),
    (blobs.unknown_key, "by another remote's key", "UntrustedSigner"),
    (blobs.tampered, "the digest in it was changed", "SignatureInvalid"),
    (blobs.truncated, "cut off", "SignatureInvalid"),
    (blobs.bomb, "64 MiB of zeros in 100 bytes, by nobody", "LimitExceeded"),
    (blobs.bomb_by_a_known_key, "64 MiB of zeros in 100 bytes, by the publisher", "LimitExceeded"),
    (blobs.more_than_64_kib, "more than 64 KiB", "LimitExceeded"),
    (blobs.garbage, "a web page", "SignatureInvalid"),
    (blobs.nothing, "nothing", "SignatureInvalid"),
]


@pytest.mark.parametrize(
    ("make", "what", "expected"), BLOBS, ids=[make.__name__.replace("_", "-") for make, _, _ in BLOBS]
)
def test_a_gpg_signature(make: blobs.Case, what: str, expected: str, keys: Keys) -> None:
    blob, keyring = make(keys)
    assert outcome(Asked([blob], Trusting(keyring))) == expected, what


# --- what cosign attaches


def by(kind: str, sign: Callable[[CosignKey], bytes] = lambda key: key.sign(PAYLOAD)) -> Asked:
    """The payload, signed by a key of that kind which the remote trusts."""
    key = CosignKey(kind)
    return Asked([Attachment(PAYLOAD, sign(key))], replace(COSIGN, cosign_keys=key.pem))


GOOD = KEY.attach(str(DIGEST), TAG)
ATTACHED = [
    ("p256", "ECDSA P-256 with SHA-256", by("p256"), ACCEPT),
    ("p384", "ECDSA P-384 with SHA-256, as cosign 2 does", by("p384"), ACCEPT),
    (
        "p384-sha384",
        "the same with SHA-384, as cosign 3 does",
        by("p384", lambda key: key.sign(PAYLOAD, hashes.SHA384())),
        ACCEPT,
    ),
    ("ed25519", "Ed25519", by("ed25519"), ACCEPT),
    ("rsa2048", "RSA PKCS #1 v1.5", by("rsa2048"), ACCEPT),
    (
        "p256-sha1",
        "P-256 with SHA-1",
        by("p256", lambda key: key.sign(PAYLOAD, SHA1)),
        "UntrustedSigner",
    ),
    (
        "p256-sha512",
        "P-256 with another hash",
        by("p256", lambda key: key.sign(PAYLOAD, hashes.SHA512())),
        "UntrustedSigner",
    ),
    (
        "rsa-sha1",
        "RSA with SHA-1",
        by("rsa2048", lambda key: key.sign(PAYLOAD, SHA1)),
        "UntrustedSigner",
    ),
    (
        "rsa-pss",
        "RSA with another padding",
        by("rsa2048", lambda key: key.sign_pss(PAYLOAD)),
        "UntrustedSigner",
    ),
    ("rsa1024", "a remote whose RSA key is short", by("rsa1024"), "UntrustedSigner"),
    ("p521", "a remote whose key is on another curve", by("p521"), "UntrustedSigner"),
    ("stranger", "by another remote's key", Asked([STRANGER.attach(str(DIGEST), TAG)]), "UntrustedSigner"),
    ("no-key", "a remote without a key", Asked([GOOD], replace(COSIGN, cosign_keys=None)), "UntrustedSigner"),
    (
        "private-key",
        "a private key in the remote's file",
        Asked([GOOD], replace(COSIGN, cosign_keys=KEY.private_pem)),
        "UntrustedSigner",
    ),
    (
        "tampered",
        "another tag was written into the payload",
        Asked([Attachment(PAYLOAD.replace(b"editor:1", b"editor:2"), GOOD.signature)]),
        "UntrustedSigner",
    ),
    (
        "appended",
        "a blank was added to the payload",
        Asked([Attachment(PAYLOAD + b" ", GOOD.signature)]),
        "UntrustedSigner",
    ),
    (
        "cut-off",
        "the signature is cut off",
        Asked([Attachment(PAYLOAD, GOOD.signature[:-1])]),
        "UntrustedSigner",
    ),
    ("unsigned", "an empty signature", Asked([Attachment(PAYLOAD, b"")]), "UntrustedSigner"),
    (
        "payload-as-signature",
        "the payload in place of the signature",
        Asked([Attachment(PAYLOAD, PAYLOAD)]),
        "UntrustedSigner",
    ),
    (
        "keyless",
        "a certificate beside a good signature",
        Asked([replace(GOOD, identity="rel@acme.example")]),
        "UntrustedSigner",
    ),
    ("nothing", "no signature", Asked([]), "SignatureMissing"),
    ("too-many", "33 signatures", Asked([GOOD] * 33), "LimitExceeded"),
    ("beside-bad-ones", "a good one beside 31 bad ones", Asked([*[Attachment(b"", b"")] * 31, GOOD]), ACCEPT),
]


@pytest.mark.parametrize(("case", "what", "asked", "expected"), ATTACHED, ids=[case[0] for case in ATTACHED])
def test_a_cosign_signature(case: str, what: str, asked: Asked, expected: str) -> None:
    assert outcome(asked) == expected, what


# --- identities, of both kinds

IDENTITIES = [
    # case, what was signed, what is asked for, identity=, expected
    ("tag", TAG, TAGGED, "tag", ACCEPT),
    ("tag-of-a-pinned", TAG, PINNED, "tag", ACCEPT),
    ("other-tag-of-a-pinned", f"{NAME}:2", PINNED, "tag", ACCEPT),
    ("tagless-allowed", NAME, TAGGED, "repository", ACCEPT),
    ("tagless-allowed-pinned", NAME, PINNED, "repository", ACCEPT),
    ("tagless", NAME, TAGGED, "tag", "SignatureInvalid"),
    ("tagless-pinned", NAME, PINNED, "tag", "SignatureInvalid"),
    ("other-tag", f"{NAME}:2", TAGGED, "tag", "SignatureInvalid"),
    ("other-tag-although-tagless-would-do", f"{NAME}:2", TAGGED, "repository", "SignatureInvalid"),
    ("longer-name", f"{NAME}-evil:1", TAGGED, "tag", "SignatureInvalid"),
    ("longer-path", f"{NAME}/evil", TAGGED, "repository", "SignatureInvalid"),
    ("shorter-path", "quay.io/acme", TAGGED, "repository", "SignatureInvalid"),
    ("other-host", "evil.io/acme/editor:1", TAGGED, "tag", "SignatureInvalid"),
    ("port", "quay.io:443/acme/editor:1", TAGGED, "tag", "SignatureInvalid"),
    ("no-host", "acme/editor:1", TAGGED, "tag", "SignatureInvalid"),
    ("with-digest", f"{NAME}@{DIGEST}", PINNED, "tag", "SignatureInvalid"),
    ("blank", f"{TAG} ", TAGGED, "tag", "SignatureInvalid"),
]


@pytest.mark.parametrize("kind", ["gpg", "cosign"])
@pytest.mark.parametrize(
    ("case", "signs", "reference", "identity", "expected"), IDENTITIES, ids=[case[0] for case in IDENTITIES]
)
def test_an_identity(
    kind: str,
    case: str,
    signs: str,
    reference: Reference,
    identity: str,
    expected: str,
    keys: Keys,
    acme: str,
) -> None:
    if kind == "gpg":
        found: Found = keys.sign(payload(str(DIGEST), signs), acme)
        remote = Trusting(keys.export(acme), identity=identity)
    else:
        found, remote = KEY.attach(str(DIGEST), signs), replace(COSIGN, identity=identity)
    assert outcome(Asked([found], remote, reference)) == expected


# --- whose keys, and how many

SECONDS = SECOND.attach(str(DIGEST), TAG)
TAGLESS = KEY.attach(str(DIGEST), NAME)


def pinned(*fingerprints: str, **changes: object) -> Trusting:
    """A remote with both keys, that pins these."""
    return replace(BOTH, fingerprints=frozenset(fingerprints), **changes)  # type: ignore[arg-type]


SETS = [
    ("pinned", "the key is pinned", Asked([GOOD], pinned(KEY.fingerprint)), ACCEPT),
    (
        "not-pinned",
        "another key of the file is pinned",
        Asked([GOOD], pinned(SECOND.fingerprint)),
        "UntrustedSigner",
    ),
    ("gpg-pinned", "only a GPG key is pinned", Asked([GOOD], pinned("A" * 40)), ACCEPT),
    (
        "nobody-pinned",
        "the pinned key is not there any more",
        Asked([GOOD], pinned("A" * 64)),
        "UntrustedSigner",
    ),
    (
        "denied",
        "the key is denied",
        Asked([GOOD], pinned(deny_keys=frozenset({KEY.fingerprint}))),
        "UntrustedSigner",
    ),
    (
        "denied-and-pinned",
        "the key is pinned and denied",
        Asked([GOOD], pinned(KEY.fingerprint, deny_keys=frozenset({KEY.fingerprint}))),
        "UntrustedSigner",
    ),
    ("threshold", "two keys of two", Asked([GOOD, SECONDS], pinned(threshold=2)), ACCEPT),
    ("one-of-two", "one key of two", Asked([GOOD], pinned(threshold=2)), "SignatureInvalid"),
    ("one-twice", "one key twice", Asked([GOOD, GOOD], pinned(threshold=2)), "SignatureInvalid"),
    (
        "one-in-two-forms",
        "one key as attachment and bundle",
        Asked([GOOD, KEY.message_bundle(PAYLOAD)], pinned(threshold=2)),
        "SignatureInvalid",
    ),
    (
        "two-names",
        "two keys under two names",
        Asked([TAGLESS, SECONDS], pinned(threshold=2, identity="repository")),
        "SignatureInvalid",
    ),
    (
        "one-denied-of-two",
        "two keys, one of them denied",
        Asked([GOOD, SECONDS], pinned(threshold=2, deny_keys=frozenset({KEY.fingerprint}))),
        "SignatureInvalid",
    ),
    (
        "key-twice-in-the-file",
        "one key that stands in the file twice",
        Asked([GOOD, GOOD], pinned(threshold=2, cosign_keys=KEY.pem * 2)),
        "SignatureInvalid",
    ),
]


@pytest.mark.parametrize(("case", "what", "asked", "expected"), SETS, ids=[case[0] for case in SETS])
def test_whose_cosign_keys(case: str, what: str, asked: Asked, expected: str) -> None:
    assert outcome(asked) == expected, what


# --- both kinds at once

TOGETHER = [
    # case, identity that gpg signed, what cosign attached, expected; identity=repository
    ("both", TAG, [GOOD], ACCEPT),
    ("both-tagless", NAME, [TAGLESS], ACCEPT),
    ("gpg-alone", TAG, [], "SignatureMissing"),
    ("cosign-alone", None, [GOOD], "SignatureMissing"),
    ("a-stranger-beside-gpg", TAG, [STRANGER.attach(str(DIGEST), TAG)], "UntrustedSigner"),
    ("keyless-beside-gpg", TAG, [replace(GOOD, identity="x")], "UntrustedSigner"),
    ("two-names", TAG, [TAGLESS], "SignatureInvalid"),
    ("two-names-the-other-way", NAME, [GOOD], "SignatureInvalid"),
    ("another-image-beside-gpg", TAG, [KEY.attach(str(EVIL), TAG)], "SignatureInvalid"),
    ("one-name-of-two", NAME, [TAGLESS, SECONDS], ACCEPT),
]


@pytest.mark.parametrize(("case", "signs", "found", "expected"), TOGETHER, ids=[case[0] for case in TOGETHER])
def test_both_kinds(
    case: str, signs: str | None, found: Sequence[Found], expected: str, keys: Keys, acme: str
) -> None:
    blob = [keys.sign(payload(str(DIGEST), signs), acme)] if signs else []
    remote = replace(BOTH, keyring=keys.export(acme), verify="gpg+cosign", identity="repository")
    assert outcome(Asked([*blob, *found], remote)) == expected


def test_a_gpg_signature_is_none_of_cosigns_and_the_other_way_round(keys: Keys, acme: str) -> None:
    blob = keys.sign(payload(str(DIGEST), TAG), acme)
    assert outcome(Asked([blob], replace(COSIGN, keyring=keys.export(acme)))) == "SignatureMissing"
    gpg = Trusting(keys.export(acme), KEY.pem)
    assert outcome(Asked([GOOD], gpg)) == "SignatureMissing"
    crossed = keys.sign(PAYLOAD, acme)
    assert outcome(Asked([crossed], gpg)) == "SignatureInvalid"
