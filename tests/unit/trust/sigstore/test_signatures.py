# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a remote's settings make of signatures by cosign keys: R6, R7, threshold, pins, both kinds at once."""

import asyncio
import base64
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from appctld.errors import (
    AppctlError,
    LimitExceeded,
    SignatureInvalid,
    SignatureMissing,
    UntrustedSigner,
)
from appctld.model.digest import Digest
from appctld.model.reference import Reference, parse_reference
from appctld.system.sandbox import Bubblewrap
from appctld.trust.evidence import Attachment, Bundle, Evidence
from appctld.trust.verdict import SIGNATURES, Signer, Verdict, judge
from support.images.layouts import blob, document, named
from support.signatures.cosign import CosignKey, cosign_payload, statement
from support.signatures.keys import Keys, payload
from support.signatures.policy import Trusting

FIXTURES = Path(__file__).parents[3] / "fixtures"
NOW = int(time.time())  # gpg signs at no other time
DIGEST = Digest.of(b"the manifest")
NAME = "quay.io/acme/editor"
TAGGED = parse_reference(f"{NAME}:1")
PINNED = parse_reference(f"{NAME}@{DIGEST}")
KEY, SECOND, STRANGER = CosignKey(), CosignKey("ed25519"), CosignKey()
COSIGN = Trusting(None, KEY.pem, verify="cosign")
BOTH = Trusting(None, KEY.pem + SECOND.pem, verify="cosign", threshold=2)

Found = Attachment | Bundle


def decide(
    found: Sequence[Found],
    remote: Trusting = COSIGN,
    reference: Reference = TAGGED,
    openpgp: Sequence[bytes] = (),
    digest: Digest = DIGEST,
) -> Verdict:
    evidence = Evidence(
        digest,
        tuple(openpgp),
        attachments=tuple(one for one in found if isinstance(one, Attachment)),
        looked_at=("tag sha256-33c2….sig (404)",),
        bundles=tuple(one for one in found if isinstance(one, Bundle)),
    )
    return asyncio.run(judge(evidence, reference, remote, Bubblewrap(()), NOW))


def refuse(
    kind: type[AppctlError], found: Sequence[Found], remote: Trusting = COSIGN, reference: Reference = TAGGED
) -> AppctlError:
    with pytest.raises(kind) as caught:
        decide(found, remote, reference)
    assert (caught.value.data["reference"], caught.value.data["remote"]) == (str(reference), "acme")
    return caught.value


def attach(identity: str = str(TAGGED), key: CosignKey = KEY, digest: Digest = DIGEST) -> Attachment:
    return key.attach(str(digest), identity)


@pytest.mark.parametrize("kind", ["p256", "p384", "ed25519", "rsa2048"])
def test_a_signature_by_a_key_of_the_remote_counts(kind: str) -> None:
    key = CosignKey(kind)
    verdict = decide([attach(key=key)], replace(COSIGN, cosign_keys=key.pem))
    assert verdict == Verdict("cosign", (Signer(key.fingerprint, "", 0),), tag_bound=True, checked_at=NOW)


# --- golden files: what cosign 2.4.3 wrote


GOLDEN = "33c268a9bbc8042564d50b774fb510185bd029b9e3b54dc70e274ab9ce9c292c"


def golden(name: str) -> Attachment:
    images = FIXTURES / "images"
    entry = named(images)[f"{name}-sha256-{GOLDEN}.sig"]
    (layer,) = document(images, entry["digest"])["layers"]
    signature = layer["annotations"]["dev.cosignproject.cosign/signature"]
    return Attachment(blob(images, layer["digest"]).read_bytes(), base64.b64decode(signature))


@pytest.mark.parametrize("name", ["cosign", "stranger"])
def test_golden_signatures_are_accepted_from_the_remote_whose_key_made_them(name: str) -> None:
    remote = replace(COSIGN, cosign_keys=(FIXTURES / f"keys/{name}.pub").read_bytes(), identity="repository")
    reference = parse_reference(f"127.0.0.1:5055/{name}/plain:1")
    verdict = decide([golden(name)], remote, reference, digest=Digest(GOLDEN))
    assert (len(verdict.signers), verdict.tag_bound) == (1, False)
    with pytest.raises(SignatureInvalid):
        decide([golden(name)], replace(remote, identity="tag"), reference, digest=Digest(GOLDEN))
    with pytest.raises(UntrustedSigner):
        decide([golden(name)], replace(remote, cosign_keys=KEY.pem), reference, digest=Digest(GOLDEN))


# --- R6: whose keys


@pytest.mark.parametrize("keys", [None, b"", b"rubbish", KEY.private_pem])
def test_without_a_key_of_its_own_nothing_verifies(keys: bytes | None) -> None:
    for found in ([attach()], []):
        error = refuse(UntrustedSigner, found, replace(COSIGN, cosign_keys=keys))
        assert "nothing from remote acme verifies" in str(error)


def test_a_strangers_signature_does_not_count() -> None:
    error = refuse(UntrustedSigner, [attach(key=STRANGER)])
    assert "none of the keys of remote acme made" in str(error)
    assert error.data["trusted"] == [f"{KEY.fingerprint[:4]}…{KEY.fingerprint[-4:]}"]


def test_a_changed_payload_has_no_signature() -> None:
    found = attach(f"{NAME}:2")
    refuse(UntrustedSigner, [Attachment(cosign_payload(str(DIGEST), str(TAGGED)), found.signature)])


def test_when_fingerprints_are_pinned_only_those_count() -> None:
    pinned = replace(BOTH, threshold=1, fingerprints=frozenset({SECOND.fingerprint}))
    error = refuse(UntrustedSigner, [attach()], pinned)
    assert error.data["fingerprints"] == [KEY.fingerprint]
    assert decide([attach(key=SECOND)], pinned).signers[0].fingerprint == SECOND.fingerprint


def test_a_denied_key_does_not_count_even_when_it_is_pinned() -> None:
    denied = replace(COSIGN, deny_keys=frozenset({KEY.fingerprint}))
    refuse(UntrustedSigner, [attach()], denied)
    refuse(UntrustedSigner, [attach()], replace(denied, fingerprints=frozenset({KEY.fingerprint})))


# --- R7: for what


BINDINGS = [
    # what was signed, what is asked for, identity=, accepted with the tag bound or not (or refused)
    (f"{NAME}:1", TAGGED, "tag", True),
    (f"{NAME}:1", PINNED, "tag", False),
    (NAME, TAGGED, "repository", False),
    (NAME, PINNED, "repository", False),
    (NAME, TAGGED, "tag", None),
    (NAME, PINNED, "tag", None),
    (f"{NAME}:2", TAGGED, "repository", None),
    (f"{NAME}-evil:1", TAGGED, "tag", None),
    (f"{NAME}-evil", TAGGED, "repository", None),
    ("quay.io/acme", TAGGED, "repository", None),
    ("evil.io/acme/editor:1", TAGGED, "tag", None),
]


@pytest.mark.parametrize("how", ["attachment", "statement", "message"])
@pytest.mark.parametrize(("signed", "reference", "identity", "bound"), BINDINGS)
def test_a_signature_binds_what_it_names(
    how: str,
    signed: str,
    reference: Reference,
    identity: str,
    bound: bool | None,  # noqa: FBT001
) -> None:
    ways: dict[str, Found] = {
        "attachment": attach(signed),
        "statement": KEY.bundle(statement(str(DIGEST), signed)),
        "message": KEY.message_bundle(cosign_payload(str(DIGEST), signed)),
    }
    found = ways[how]
    remote = replace(COSIGN, identity=identity)
    if bound is None:
        error = refuse(SignatureInvalid, [found], remote, reference)
        assert error.data["claimed"] == signed
    else:
        assert decide([found], remote, reference).tag_bound is bound


@pytest.mark.parametrize("identity", ["tag", "repository"])
@pytest.mark.parametrize("reference", [TAGGED, PINNED])
def test_a_bundle_that_names_no_repository_does_not_count_and_says_so(
    identity: str, reference: Reference
) -> None:
    found = KEY.bundle(statement(str(DIGEST)))
    error = refuse(SignatureInvalid, [found], replace(COSIGN, identity=identity), reference)
    assert "signed a digest without naming a repository" in str(error)


def test_another_digest_is_refused() -> None:
    other = Digest.of(b"another manifest")
    found: list[Found] = [attach(digest=other), KEY.bundle(statement(str(other), str(TAGGED)))]
    for one in found:
        refuse(SignatureInvalid, [one])


def test_one_of_several_subjects_suffices() -> None:
    subjects = [
        {"digest": {"sha256": DIGEST.hex}},
        {"digest": {"sha256": "0" * 64}, "name": str(TAGGED)},
        {"digest": {"sha256": DIGEST.hex}, "name": str(TAGGED)},
    ]
    assert decide([KEY.bundle(statement(str(DIGEST), subject=subjects))]).tag_bound
    refuse(SignatureInvalid, [KEY.bundle(statement(str(DIGEST), subject=subjects[:2]))])


def test_gpgs_payload_is_no_cosign_statement() -> None:
    signed = payload(str(DIGEST), str(TAGGED))
    refuse(SignatureInvalid, [Attachment(signed, KEY.sign(signed))])


def test_a_good_signature_over_something_else_is_no_statement() -> None:
    refuse(SignatureInvalid, [Attachment(b"I like it", KEY.sign(b"I like it"))])


def test_without_a_key_is_named_and_never_counts() -> None:
    found = replace(attach(), identity="somebody@example.org")
    error = refuse(UntrustedSigner, [found])
    assert "without a key (identity somebody@example.org); appctl does not check that" in str(error)


# --- several signatures


def test_bad_signatures_beside_a_good_one_are_passed_over() -> None:
    found: list[Found] = [
        Attachment(b"", b""),
        Bundle(b"rubbish"),
        attach(key=STRANGER),
        replace(attach(), identity="x"),
        KEY.bundle(statement(str(DIGEST))),
        attach(f"{NAME}:2"),
        attach(),
    ]
    assert [signer.fingerprint for signer in decide(found).signers] == [KEY.fingerprint]


def test_a_key_counts_once_towards_the_threshold() -> None:
    error = refuse(
        SignatureInvalid, [attach(), attach(), KEY.bundle(statement(str(DIGEST), str(TAGGED)))], BOTH
    )
    assert "1 of the 2 signatures (cosign)" in str(error)
    assert len(decide([attach(), attach(key=SECOND)], BOTH).signers) == 2


def test_the_threshold_is_over_one_identity() -> None:
    remote = replace(BOTH, identity="repository")
    refuse(SignatureInvalid, [attach(), attach(NAME, SECOND)], remote)


def test_no_signature_says_where_we_looked() -> None:
    error = refuse(SignatureMissing, [])
    assert error.data["looked_at"] == ["tag sha256-33c2….sig (404)"]


def test_no_more_than_32_signatures_are_looked_at() -> None:
    many: list[Found] = [attach()] * (SIGNATURES - 1)
    assert decide([*many, KEY.bundle(statement(str(DIGEST), str(TAGGED)))]).signers
    refuse(LimitExceeded, [*many, attach(), KEY.bundle(statement(str(DIGEST), str(TAGGED)))])


# --- both kinds


@pytest.fixture
def both(keys: Keys, publisher: str) -> Trusting:
    return Trusting(keys.export(publisher), KEY.pem, verify="gpg+cosign")


def test_both_kinds_are_needed(keys: Keys, publisher: str, both: Trusting) -> None:
    blob = keys.sign(payload(str(DIGEST), str(TAGGED)), publisher)
    verdict = decide([attach()], both, openpgp=[blob])
    assert (verdict.verify, verdict.tag_bound) == ("gpg+cosign", True)
    assert [signer.fingerprint for signer in verdict.signers] == [publisher, KEY.fingerprint]
    for found, openpgp in (([attach()], []), ([], [blob])):
        with pytest.raises(SignatureMissing):
            decide(found, both, openpgp=openpgp)


def test_both_kinds_agree_on_one_identity(keys: Keys, publisher: str, both: Trusting) -> None:
    remote = replace(both, identity="repository")
    blob = keys.sign(payload(str(DIGEST), str(TAGGED)), publisher)
    tagless = keys.sign(payload(str(DIGEST), NAME), publisher)
    with pytest.raises(SignatureInvalid, match="different names"):
        decide([attach(NAME)], remote, openpgp=[blob])
    assert not decide([attach(NAME)], remote, openpgp=[blob, tagless]).tag_bound


def test_each_kind_reaches_the_threshold_by_itself(keys: Keys, publisher: str, second: str) -> None:
    remote = Trusting(keys.export(publisher, second), KEY.pem + SECOND.pem, verify="gpg+cosign", threshold=2)
    signed = payload(str(DIGEST), str(TAGGED))
    blobs = [keys.sign(signed, publisher), keys.sign(signed, second)]
    found = [attach(), attach(key=SECOND)]
    assert len(decide(found, remote, openpgp=blobs).signers) == 4
    for some, openpgp in ((found[:1], blobs), (found, blobs[:1])):
        with pytest.raises(SignatureInvalid, match="1 of the 2"):
            decide(some, remote, openpgp=openpgp)
