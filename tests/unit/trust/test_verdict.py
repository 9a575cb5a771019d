# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a remote's settings make of good signatures: R6, R7, threshold, pinned and denied keys, reports."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from appctld.errors import (
    AppctlError,
    Failed,
    LimitExceeded,
    SignatureInvalid,
    SignatureMissing,
    UntrustedSigner,
)
from appctld.model.digest import Digest
from appctld.model.reference import Reference, parse_reference
from appctld.system.sandbox import Bubblewrap
from appctld.trust.clock import FUTURE
from appctld.trust.evidence import Evidence
from appctld.trust.verdict import SIGNATURES, Verdict, judge
from support.signatures.keys import Keys, payload
from support.signatures.policy import Trusting

FIXTURES = Path(__file__).parents[2] / "fixtures"
PLAIN = Digest.parse("sha256:33c268a9bbc8042564d50b774fb510185bd029b9e3b54dc70e274ab9ce9c292c")
GOLDEN = parse_reference("registry.example.org/demo/plain:1")
SIGNED_AT = 1795521011  # unix seconds
NOW = int(time.time())
PUBLISHER = "A9224799278A335FAF0F5956CEDCC28E78EBA748"
OTHER = "2EDE059432762767B7BD4C67647024864A4B5B7A"

DIGEST = Digest.of(b"the manifest")
TAGGED = parse_reference("quay.io/acme/editor:1")
PINNED = parse_reference(f"quay.io/acme/editor@{DIGEST}")


class Court:
    """Judges for one test: `decide(blobs, remote)`."""

    def __init__(self, sandbox: Bubblewrap) -> None:
        self.sandbox = sandbox

    def decide(
        self,
        blobs: Sequence[bytes],
        remote: Trusting,
        reference: Reference = TAGGED,
        digest: Digest = DIGEST,
        now: int = NOW,
    ) -> Verdict:
        evidence = Evidence(digest, tuple(blobs), looked_at=("https://sigs.acme.example/x (404)",))
        return asyncio.run(judge(evidence, reference, remote, self.sandbox, now))

    def refuse(
        self,
        kind: type[AppctlError],
        blobs: Sequence[bytes],
        remote: Trusting,
        reference: Reference = TAGGED,
        digest: Digest = DIGEST,
    ) -> AppctlError:
        with pytest.raises(kind) as caught:
            self.decide(blobs, remote, reference, digest)
        assert caught.value.data["reference"] == str(reference)
        assert caught.value.data["remote"] == "acme"
        return caught.value


@pytest.fixture
def court(sandbox: Bubblewrap) -> Court:
    return Court(sandbox)


@pytest.fixture
def trusting(keys: Keys, publisher: str) -> Trusting:
    """A remote with one key, the publisher's."""
    return Trusting(keys.export(publisher))


@pytest.fixture
def both(keys: Keys, publisher: str, second: str) -> Trusting:
    """A remote with two keys."""
    return Trusting(keys.export(publisher, second))


def golden(name: str) -> bytes:
    (path,) = FIXTURES.glob(name)
    return path.read_bytes()


def golden_keyring(*names: str) -> bytes:
    return b"".join(golden(f"keys/{name}.gpg") for name in names)


# --- golden files


def test_golden_signatures_are_accepted_from_the_remote_whose_key_made_them(court: Court) -> None:
    blobs = [golden("lookaside/demo/*/signature-1"), golden("lookaside/demo/*/signature-2")]
    for name, primary in (("publisher", PUBLISHER), ("other", OTHER)):
        verdict = court.decide(blobs, Trusting(golden_keyring(name)), GOLDEN, PLAIN, now=SIGNED_AT)
        (signer,) = verdict.signers
        assert (signer.fingerprint, signer.name) == (primary, f"{name} <{name}@example.org>")
        assert signer.signed_at - SIGNED_AT in {0, 1}
        assert (verdict.verify, verdict.tag_bound, verdict.checked_at) == ("gpg", True, SIGNED_AT)


@pytest.mark.parametrize("name", ["other-tag", "other-repo", "other-host"])
def test_golden_signatures_for_another_name_are_refused(name: str, court: Court) -> None:
    remote = Trusting(golden_keyring("publisher"), identity="repository")
    error = court.refuse(SignatureInvalid, [golden(f"signatures/{name}")], remote, GOLDEN, PLAIN)
    assert str(error.data["claimed"]) != str(GOLDEN)
    assert str(error.data["claimed"]) in str(error)


def test_a_golden_signature_of_another_digest_is_refused(court: Court) -> None:
    blob = golden("lookaside/demo/*/signature-1")
    court.refuse(SignatureInvalid, [blob], Trusting(golden_keyring("publisher")), GOLDEN, DIGEST)


def test_two_golden_signers_reach_a_threshold_of_two(court: Court) -> None:
    blobs = [golden("lookaside/demo/*/signature-1"), golden("lookaside/demo/*/signature-2")]
    remote = Trusting(golden_keyring("publisher", "other"), threshold=2)
    verdict = court.decide(blobs, remote, GOLDEN, PLAIN)
    assert {signer.fingerprint for signer in verdict.signers} == {PUBLISHER, OTHER}


# --- R6: whose keys


@pytest.mark.parametrize("keyring", [None, b""])
def test_without_a_key_of_its_own_nothing_verifies(
    keyring: bytes | None, court: Court, keys: Keys, publisher: str
) -> None:
    blob = keys.sign(payload(str(DIGEST), str(TAGGED)), publisher)
    for blobs in ([blob], []):
        court.refuse(UntrustedSigner, blobs, Trusting(keyring))


def test_a_strangers_signature_is_reported_with_the_keys_that_are_trusted(
    court: Court, keys: Keys, trusting: Trusting, publisher: str, stranger: str
) -> None:
    blob = keys.sign(payload(str(DIGEST), str(TAGGED)), stranger)
    error = court.refuse(UntrustedSigner, [blob], trusting)
    assert error.data["fingerprints"] == [stranger]
    assert error.data["trusted"] == [f'{publisher[:4]}…{publisher[-4:]} "publisher <publisher@example.org>"']
    assert f"is signed by {stranger[:4]}…{stranger[-4:]}, which remote acme does not trust" in str(error)


def test_when_fingerprints_are_pinned_only_those_count(
    court: Court, keys: Keys, both: Trusting, publisher: str, second: str
) -> None:
    pinned = replace(both, fingerprints=frozenset({second}))
    statement = payload(str(DIGEST), str(TAGGED))
    court.refuse(UntrustedSigner, [keys.sign(statement, publisher)], pinned)
    assert court.decide([keys.sign(statement, second)], pinned).signers[0].fingerprint == second


def test_a_pinned_fingerprint_is_a_primary_keys(court: Court, keys: Keys) -> None:
    primary = keys.make("pinned-by-subkey")
    subkey = keys.add_subkey(primary)
    blob = keys.sign(payload(str(DIGEST), str(TAGGED)), subkey)
    keyring = keys.export(primary)
    court.refuse(UntrustedSigner, [blob], Trusting(keyring, fingerprints=frozenset({subkey})))
    assert court.decide([blob], Trusting(keyring, fingerprints=frozenset({primary}))).signers


def test_a_denied_key_does_not_count_even_when_it_is_pinned(
    court: Court, keys: Keys, both: Trusting, publisher: str
) -> None:
    denied = replace(both, fingerprints=frozenset({publisher}), deny_keys=frozenset({publisher}))
    blob = keys.sign(payload(str(DIGEST), str(TAGGED)), publisher)
    court.refuse(UntrustedSigner, [blob], denied)
    court.refuse(UntrustedSigner, [blob], replace(denied, fingerprints=frozenset()))


def test_a_denied_primary_key_takes_its_subkeys_along(court: Court, keys: Keys) -> None:
    primary = keys.make("deny-primary")
    blob = keys.sign(payload(str(DIGEST), str(TAGGED)), keys.add_subkey(primary))
    court.refuse(UntrustedSigner, [blob], Trusting(keys.export(primary), deny_keys=frozenset({primary})))


def test_a_denied_subkey_does_not_count_and_its_siblings_do(court: Court, keys: Keys) -> None:
    primary = keys.make("deny-subkey")
    subkey = keys.add_subkey(primary)
    statement = payload(str(DIGEST), str(TAGGED))
    remote = Trusting(keys.export(primary), deny_keys=frozenset({subkey}))
    court.refuse(UntrustedSigner, [keys.sign(statement, subkey)], remote)
    assert court.decide([keys.sign(statement, primary)], remote).signers[0].fingerprint == primary


# --- R7: for what


SAME, PLAIN_NAME = "quay.io/acme/editor:1", "quay.io/acme/editor"
BINDINGS = [
    # what was signed, what is asked for, identity=, accepted with the tag bound or not (or refused)
    (SAME, TAGGED, "tag", True),
    (SAME, TAGGED, "repository", True),
    (SAME, PINNED, "tag", False),
    (PLAIN_NAME, TAGGED, "repository", False),
    (PLAIN_NAME, PINNED, "repository", False),
    ("quay.io/acme/editor:other", PINNED, "tag", False),
    (PLAIN_NAME, TAGGED, "tag", None),
    (PLAIN_NAME, PINNED, "tag", None),
    ("quay.io/acme/editor:2", TAGGED, "tag", None),
    ("quay.io/acme/editor:2", TAGGED, "repository", None),
    ("quay.io/acme/editor:latest", TAGGED, "tag", None),
    ("quay.io/acme/editor-evil:1", TAGGED, "tag", None),
    ("quay.io/acme/editor-evil:1", PINNED, "tag", None),
    ("quay.io/acme/editor/evil", PINNED, "repository", None),
    ("quay.io:443/acme/editor:1", TAGGED, "tag", None),
    ("quay.io:443/acme/editor:1", PINNED, "tag", None),
    ("evil.io/acme/editor", TAGGED, "repository", None),
]


@pytest.mark.parametrize(("signed", "reference", "identity", "bound"), BINDINGS)
def test_a_signature_binds_what_it_names(
    signed: str,
    reference: Reference,
    identity: str,
    bound: bool | None,  # noqa: FBT001
    court: Court,
    keys: Keys,
    trusting: Trusting,
    publisher: str,
) -> None:
    blob = keys.sign(payload(str(DIGEST), signed), publisher)
    remote = replace(trusting, identity=identity)
    if bound is None:
        court.refuse(SignatureInvalid, [blob], remote, reference)
    else:
        assert court.decide([blob], remote, reference).tag_bound is bound


def test_another_digest_is_refused_also_when_it_was_asked_for(
    court: Court, keys: Keys, trusting: Trusting, publisher: str
) -> None:
    blob = keys.sign(payload(str(Digest.of(b"another manifest")), SAME), publisher)
    for reference in (TAGGED, PINNED):
        court.refuse(SignatureInvalid, [blob], trusting, reference)


def test_a_good_signature_over_something_else_is_no_statement(
    court: Court, keys: Keys, trusting: Trusting, publisher: str
) -> None:
    court.refuse(SignatureInvalid, [keys.sign(b"I like it", publisher)], trusting)


def test_a_signer_whose_clock_is_a_day_ahead_is_believed_and_no_more(
    court: Court, keys: Keys, trusting: Trusting, publisher: str
) -> None:
    blob = keys.sign(payload(str(DIGEST), SAME), publisher)
    signed_at = court.decide([blob], trusting).signers[0].signed_at
    assert court.decide([blob], trusting, now=signed_at - FUTURE).signers
    with pytest.raises(SignatureInvalid, match="future"):
        court.decide([blob], trusting, now=signed_at - FUTURE - 1)


# --- several signatures


def test_bad_signatures_beside_a_good_one_are_passed_over(
    court: Court, keys: Keys, trusting: Trusting, publisher: str, stranger: str
) -> None:
    statement = payload(str(DIGEST), SAME)
    blobs = [
        b"",
        b"<html>",
        bytes(1 << 17),
        keys.sign(statement, stranger),
        keys.sign(payload(str(DIGEST), "quay.io/acme/editor:2"), publisher),
        keys.sign(statement, publisher),
        keys.sign(statement, stranger, how="--detach-sign"),
    ]
    assert [signer.fingerprint for signer in court.decide(blobs, trusting).signers] == [publisher]


def test_a_key_counts_once_towards_the_threshold(
    court: Court, keys: Keys, both: Trusting, publisher: str, second: str
) -> None:
    statement = payload(str(DIGEST), SAME)
    twice = [keys.sign(statement, publisher), keys.sign(statement, publisher)]
    remote = replace(both, threshold=2)
    error = court.refuse(SignatureInvalid, twice, remote)
    assert "1 of the 2 signatures" in str(error)
    assert len(court.decide([*twice, keys.sign(statement, second)], remote).signers) == 2


def test_subkeys_of_one_primary_key_count_once(court: Court, keys: Keys) -> None:
    primary = keys.make("threshold-subkeys")
    statement = payload(str(DIGEST), SAME)
    blobs = [keys.sign(statement, primary), keys.sign(statement, keys.add_subkey(primary))]
    court.refuse(SignatureInvalid, blobs, Trusting(keys.export(primary), threshold=2))


def test_the_threshold_is_over_one_identity(
    court: Court, keys: Keys, both: Trusting, publisher: str, second: str
) -> None:
    blobs = [
        keys.sign(payload(str(DIGEST), SAME), publisher),
        keys.sign(payload(str(DIGEST), PLAIN_NAME), second),
    ]
    remote = replace(both, threshold=2, identity="repository")
    for reference in (TAGGED, PINNED):
        court.refuse(SignatureInvalid, blobs, remote, reference)


def test_a_signature_with_the_tag_is_preferred(
    court: Court, keys: Keys, both: Trusting, publisher: str, second: str
) -> None:
    blobs = [
        keys.sign(payload(str(DIGEST), PLAIN_NAME), publisher),
        keys.sign(payload(str(DIGEST), SAME), second),
    ]
    verdict = court.decide(blobs, replace(both, identity="repository"))
    assert verdict.tag_bound
    assert [signer.fingerprint for signer in verdict.signers] == [second]


def test_the_most_telling_refusal_is_reported(
    court: Court, keys: Keys, trusting: Trusting, publisher: str, stranger: str
) -> None:
    elsewhere = keys.sign(payload(str(DIGEST), "quay.io/acme/editor:2"), publisher)
    foreign = keys.sign(payload(str(DIGEST), SAME), stranger)
    court.refuse(UntrustedSigner, [b"garbage", foreign], trusting)
    assert "editor:2" in str(court.refuse(SignatureInvalid, [b"garbage", foreign, elsewhere], trusting))


def test_no_more_than_32_signatures_are_looked_at(court: Court, trusting: Trusting) -> None:
    court.refuse(LimitExceeded, [b""] * (SIGNATURES + 1), trusting)
    court.refuse(SignatureInvalid, [b""] * 2, trusting)


# --- nothing signed


def test_no_signature_says_where_we_looked(court: Court, trusting: Trusting) -> None:
    error = court.refuse(SignatureMissing, [], trusting)
    assert error.data["looked_at"] == ["https://sigs.acme.example/x (404)"]
    assert str(error) == "quay.io/acme/editor:1 has no signature"


def test_verify_digest_takes_the_digest_that_was_typed_and_nothing_else(court: Court) -> None:
    remote = Trusting(None, verify="digest")
    assert court.decide([], remote, PINNED) == Verdict("digest", (), tag_bound=False, checked_at=NOW)
    court.refuse(SignatureMissing, [], remote, TAGGED)
    court.refuse(SignatureMissing, [], remote, PINNED, Digest.of(b"another manifest"))


def test_verify_none_is_shown_as_such(court: Court) -> None:
    assert court.decide([], Trusting(None, verify="none")).verify == "none"


@pytest.mark.parametrize("verify", ["", "GPG", "Cosign", "cosign+gpg", "gpg+digest"])
def test_a_verification_that_is_not_known_is_never_taken_for_none(verify: str, court: Court) -> None:
    court.refuse(Failed, [], Trusting(None, verify=verify))
