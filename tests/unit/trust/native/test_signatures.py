# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Whose signatures over a commit count: blobs made by a real gpg and real Ed25519 keys."""

import asyncio
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from appctld.errors import (
    AppctlError,
    Failed,
    LimitExceeded,
    SignatureInvalid,
    SignatureMissing,
    Untrusted,
    UntrustedSigner,
)
from appctld.model.digest import Digest
from appctld.model.ostreeref import OstreeRef
from appctld.system.sandbox import Bubblewrap
from appctld.trust.evidence import Evidence
from appctld.trust.native.ed25519 import fingerprint
from appctld.trust.native.signatures import Signed, judge_signatures
from appctld.trust.verdict import SIGNATURES
from support.signatures.keys import Keys
from support.signatures.policy import Trusting

DAY = 24 * 3600
NOW = int(time.time())
COMMIT = b"the bytes of a commit" * 100
REFERENCE = OstreeRef("acme", "app/editor")
ONE, TWO = (Ed25519PrivateKey.from_private_bytes(bytes([number] * 32)) for number in (1, 2))
RAW_ONE, RAW_TWO = (key.public_key().public_bytes_raw() for key in (ONE, TWO))


class Court:
    """Judges for one test."""

    def __init__(self, sandbox: Bubblewrap) -> None:
        self.sandbox = sandbox

    def decide(
        self,
        remote: Trusting,
        openpgp: Sequence[bytes] = (),
        ed25519: Sequence[bytes] = (),
        commit: bytes = COMMIT,
    ) -> Signed:
        looked_at = ("https://dl.acme.example/x.commitmeta (404)",)
        evidence = Evidence(Digest.of(commit), tuple(openpgp), (), looked_at, tuple(ed25519))
        return asyncio.run(judge_signatures(commit, evidence, REFERENCE, remote, self.sandbox, NOW))

    def refuse(
        self,
        kind: type[AppctlError],
        remote: Trusting,
        openpgp: Sequence[bytes] = (),
        ed25519: Sequence[bytes] = (),
        commit: bytes = COMMIT,
    ) -> AppctlError:
        with pytest.raises(kind) as caught:
            self.decide(remote, openpgp, ed25519, commit)
        assert (caught.value.data["reference"], caught.value.data["remote"]) == (str(REFERENCE), "acme")
        return caught.value


@pytest.fixture
def court(sandbox: Bubblewrap) -> Court:
    return Court(sandbox)


@pytest.fixture
def trusting(keys: Keys, publisher: str) -> Trusting:
    """A remote with one OpenPGP key, the publisher's."""
    return Trusting(keys.export(publisher))


@pytest.fixture
def both(keys: Keys, publisher: str, second: str) -> Trusting:
    """A remote with two OpenPGP keys."""
    return Trusting(keys.export(publisher, second))


def detached(keys: Keys, *signers: str, data: bytes = COMMIT, at: int | None = None) -> bytes:
    return keys.sign(data, *signers, how="--detach-sign", at=at)


# --- OpenPGP


def test_a_good_detached_signature_counts(
    court: Court, keys: Keys, publisher: str, trusting: Trusting
) -> None:
    found = court.decide(trusting, [detached(keys, publisher)])
    (signer,) = found.signers
    assert (found.verify, signer.fingerprint) == ("gpg", publisher)
    assert signer.name == "publisher <publisher@example.org>"
    assert abs(signer.signed_at - NOW) < DAY


def test_what_ostree_signed_counts(
    court: Court, keys: Keys, publisher: str, trusting: Trusting, tmp_path: Path
) -> None:
    """Libostree signs the very bytes whose SHA-256 is the commit's name."""
    repo, tree = tmp_path / "repo", tmp_path / "tree"
    tree.mkdir()
    commands: list[list[str]] = [
        ["init", "--mode=archive"],
        [
            "commit",
            "--branch=x",
            f"--tree=dir={tree}",
            f"--gpg-sign={publisher}",
            f"--gpg-homedir={keys.home}",
        ],
    ]
    for command in commands:
        subprocess.run(["ostree", f"--repo={repo}", *command], check=True, capture_output=True)
    (path,) = repo.glob("objects/*/*.commit")
    (meta,) = repo.glob("objects/*/*.commitmeta")
    signature = meta.read_bytes()
    start = signature.index(b"\x88")  # an old-format signature packet, behind the key of a{sv}
    blob = signature[start : start + 2 + signature[start + 1]]
    assert Digest.of(path.read_bytes()).hex == path.parent.name + path.stem
    assert court.decide(trusting, [blob], commit=path.read_bytes()).signers[0].fingerprint == publisher


def over_other_bytes(keys: Keys) -> tuple[bytes, bytes]:
    key = keys.make("bytes")
    return detached(keys, key, data=COMMIT + b"x"), keys.export(key)


def a_whole_message(keys: Keys) -> tuple[bytes, bytes]:
    key = keys.make("message")
    return keys.sign(COMMIT, key), keys.export(key)


def two_in_one(keys: Keys) -> tuple[bytes, bytes]:
    key = keys.make("two")
    return detached(keys, key) * 2, keys.export(key)


def text_mode(keys: Keys) -> tuple[bytes, bytes]:
    key = keys.make("text")
    return keys.sign(COMMIT, key, how="--detach-sign", options=("--textmode",)), keys.export(key)


def sha1(keys: Keys) -> tuple[bytes, bytes]:
    key = keys.make("sha1", "rsa2048")
    options = ("--digest-algo", "SHA1", "--allow-weak-digest-algos")
    return keys.sign(COMMIT, key, how="--detach-sign", options=options), keys.export(key)


def tomorrow_and_later(keys: Keys) -> tuple[bytes, bytes]:
    key = keys.make("late")
    return detached(keys, key, at=NOW + 2 * DAY), keys.export(key)


def expired_key(keys: Keys) -> tuple[bytes, bytes]:
    key = keys.make("old", expire="seconds=100", at=NOW - 1000)
    return detached(keys, key, at=NOW - 990), keys.export(key)


def revoked_key(keys: Keys) -> tuple[bytes, bytes]:
    key = keys.make("revoked")
    blob = detached(keys, key)
    keys.revoke(key)
    return blob, keys.export(key)


def with_garbage(keys: Keys) -> tuple[bytes, bytes]:
    key = keys.make("garbage")
    return detached(keys, key) + b"garbage", keys.export(key)


def with_a_message(keys: Keys) -> tuple[bytes, bytes]:
    key = keys.make("beside")
    return detached(keys, key) + keys.sign(COMMIT, key), keys.export(key)


def empty(keys: Keys) -> tuple[bytes, bytes]:
    return b"", keys.export(keys.make("empty"))


REFUSED = [
    over_other_bytes,
    a_whole_message,
    two_in_one,
    text_mode,
    sha1,
    tomorrow_and_later,
    expired_key,
    revoked_key,
    with_garbage,
    with_a_message,
    empty,
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.__name__)
def test_a_signature_that_is_not_one_good_one_is_none(
    court: Court, keys: Keys, case: Callable[[Keys], tuple[bytes, bytes]]
) -> None:
    blob, keyring = case(keys)
    court.refuse(Untrusted, Trusting(keyring), [blob])


def test_a_bad_one_beside_a_good_one_is_passed_over(
    court: Court, keys: Keys, publisher: str, stranger: str, trusting: Trusting
) -> None:
    blobs = [b"garbage", detached(keys, stranger), detached(keys, publisher)]
    assert [signer.fingerprint for signer in court.decide(trusting, blobs).signers] == [publisher]


def test_a_strangers_is_told_by_whom_it_is(
    court: Court, keys: Keys, stranger: str, trusting: Trusting
) -> None:
    error = court.refuse(UntrustedSigner, trusting, [b"garbage", detached(keys, stranger)])
    assert error.data["fingerprints"] == [stranger]
    assert "publisher" in str(error.data["trusted"])


def test_a_key_that_is_not_pinned_or_is_denied_does_not_count(
    court: Court, keys: Keys, publisher: str, second: str, both: Trusting
) -> None:
    blob = detached(keys, second)
    court.decide(both, [blob])
    court.refuse(UntrustedSigner, replace(both, fingerprints=frozenset({publisher})), [blob])
    court.refuse(UntrustedSigner, replace(both, deny_keys=frozenset({second})), [blob])


def test_a_denied_subkey_does_not_count(court: Court, keys: Keys) -> None:
    primary = keys.make("with-subkey")
    subkey = keys.add_subkey(primary)
    remote, blob = Trusting(keys.export(primary)), detached(keys, subkey)
    assert court.decide(remote, [blob]).signers[0].fingerprint == primary
    court.refuse(UntrustedSigner, replace(remote, deny_keys=frozenset({subkey})), [blob])


@pytest.mark.parametrize("keyring", [None, b"", b"garbage"])
def test_without_a_keyring_nothing_verifies(
    court: Court, keys: Keys, publisher: str, keyring: bytes | None
) -> None:
    error = court.refuse(UntrustedSigner, Trusting(keyring), [detached(keys, publisher)])
    assert "its own keyring" in error.message


def test_the_threshold_counts_keys(
    court: Court, keys: Keys, publisher: str, second: str, both: Trusting
) -> None:
    two = replace(both, threshold=2)
    first = detached(keys, publisher)
    court.refuse(SignatureInvalid, two, [first, detached(keys, publisher)])
    found = court.decide(two, [detached(keys, second, at=NOW + 3600), first])
    assert [signer.fingerprint for signer in found.signers] == [publisher, second]


@pytest.mark.parametrize("verify", ["gpg", "ed25519", "gpg+ed25519"])
def test_nothing_found_is_said_with_where_it_was_looked_for(
    court: Court, trusting: Trusting, verify: str
) -> None:
    error = court.refuse(SignatureMissing, replace(trusting, verify=verify, ed25519_keys=(RAW_ONE,)))
    assert error.data["looked_at"] == ["https://dl.acme.example/x.commitmeta (404)"]


@pytest.mark.parametrize("verify", ["gpg", "ed25519"])
def test_no_more_signatures_are_looked_at_than_a_number(
    court: Court, trusting: Trusting, verify: str
) -> None:
    remote = replace(trusting, verify=verify, ed25519_keys=(RAW_ONE,))
    many = [b""] * (SIGNATURES + 1)
    court.refuse(LimitExceeded, remote, many, many)


# --- Ed25519


@pytest.fixture
def edwards() -> Trusting:
    """A remote with two Ed25519 keys and no other."""
    return Trusting(None, verify="ed25519", ed25519_keys=(RAW_ONE, RAW_TWO))


def test_an_ed25519_signature_counts_and_tells_no_time(court: Court, edwards: Trusting) -> None:
    (signer,) = court.decide(edwards, ed25519=[b"garbage", ONE.sign(COMMIT)]).signers
    assert (signer.fingerprint, signer.name, signer.signed_at) == (fingerprint(RAW_ONE), "", 0)


def test_one_over_other_bytes_or_by_another_key_does_not(court: Court, edwards: Trusting) -> None:
    court.refuse(UntrustedSigner, edwards, ed25519=[ONE.sign(COMMIT + b"x")])
    error = court.refuse(
        UntrustedSigner, replace(edwards, ed25519_keys=(RAW_TWO,)), ed25519=[ONE.sign(COMMIT)]
    )
    assert "no Ed25519 signature by a key that remote acme trusts" in error.message


def test_a_denied_ed25519_key_does_not_count(court: Court, edwards: Trusting) -> None:
    denied = frozenset({fingerprint(RAW_ONE)})
    court.refuse(UntrustedSigner, replace(edwards, deny_keys=denied), ed25519=[ONE.sign(COMMIT)])


def test_without_an_ed25519_key_nothing_verifies(court: Court, edwards: Trusting) -> None:
    error = court.refuse(UntrustedSigner, replace(edwards, ed25519_keys=()), ed25519=[ONE.sign(COMMIT)])
    assert "it has no Ed25519 key" in error.message


def test_the_threshold_counts_ed25519_keys(court: Court, edwards: Trusting) -> None:
    two = replace(edwards, threshold=2)
    court.refuse(SignatureInvalid, two, ed25519=[ONE.sign(COMMIT)] * 2)
    assert len(court.decide(two, ed25519=[ONE.sign(COMMIT), TWO.sign(COMMIT)]).signers) == 2


# --- both, none, and neither


def test_both_kinds_must_be_there(court: Court, keys: Keys, publisher: str, trusting: Trusting) -> None:
    remote = replace(trusting, verify="gpg+ed25519", ed25519_keys=(RAW_ONE,))
    openpgp, ed25519 = [detached(keys, publisher)], [ONE.sign(COMMIT)]
    found = court.decide(remote, openpgp, ed25519)
    assert found.verify == "gpg+ed25519"
    assert [signer.fingerprint for signer in found.signers] == [publisher, fingerprint(RAW_ONE)]
    court.refuse(SignatureMissing, remote, openpgp)
    court.refuse(SignatureMissing, remote, (), ed25519)
    court.refuse(Untrusted, remote, [b"garbage"], ed25519)
    court.refuse(Untrusted, remote, openpgp, [b"garbage"])


def test_none_asks_for_nobody(court: Court, trusting: Trusting) -> None:
    assert court.decide(replace(trusting, verify="none")) == Signed("none", ())


def test_a_verification_that_nobody_knows_is_refused(court: Court, trusting: Trusting) -> None:
    court.refuse(Failed, replace(trusting, verify="digest"))
