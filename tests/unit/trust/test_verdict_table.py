# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The table of GPG verdicts: for each kind of blob, made by a real gpg, whether it lets an image in.

What gpgv says about each differs between its versions; accept or refuse must not.
"""

import asyncio

import pytest

from appctld.errors import LimitExceeded, Untrusted
from appctld.model.digest import Digest
from appctld.system.sandbox import Bubblewrap
from appctld.trust.evidence import Evidence
from appctld.trust.verdict import Verdict, judge
from support.signatures.blobs import (
    DIGEST,
    NOW,
    REFERENCE,
    Case,
    Made,
    armored_keyring,
    bomb,
    bomb_by_a_known_key,
    cleartext,
    dated_2040,
    detached,
    empty_keyring,
    garbage,
    good,
    good_and_revoked_in_one,
    good_and_unknown_in_one,
    good_dated_in_an_hour,
    good_rsa_with_subkey,
    good_sha384,
    good_sha512,
    good_then_another_message,
    good_then_garbage,
    key_expired_after_signing,
    key_revoked,
    key_superseded,
    missing_keyring,
    more_than_64_kib,
    nothing,
    ripemd160,
    sha1,
    signature_expired,
    subkey_expired_after_signing,
    subkey_revoked,
    tampered,
    text_mode,
    truncated,
    two_good_in_one,
    unknown_and_good_in_one,
    unknown_key,
    unsigned_literal,
    unsigned_literal_then_good,
)
from support.signatures.keys import Keys
from support.signatures.policy import Trusting

ACCEPTED: list[Case] = [
    good,
    good_rsa_with_subkey,
    good_sha384,
    good_sha512,
    good_dated_in_an_hour,
]
FIRST_MESSAGE_ONLY: list[Case] = [good_then_garbage, good_then_another_message]
REFUSED: list[Case] = [
    key_expired_after_signing,
    subkey_expired_after_signing,
    key_revoked,
    key_superseded,
    subkey_revoked,
    signature_expired,
    sha1,
    ripemd160,
    dated_2040,
    good_and_unknown_in_one,
    unknown_and_good_in_one,
    good_and_revoked_in_one,
    two_good_in_one,
    unsigned_literal,
    unsigned_literal_then_good,
    cleartext,
    text_mode,
    detached,
    armored_keyring,
    empty_keyring,
    missing_keyring,
    unknown_key,
    tampered,
    truncated,
    bomb,
    bomb_by_a_known_key,
    more_than_64_kib,
    garbage,
    nothing,
]


def decide(made: Made, sandbox: Bubblewrap, digest: Digest = DIGEST) -> Verdict:
    blob, keyring = made
    return asyncio.run(judge(Evidence(digest, (blob,)), REFERENCE, Trusting(keyring), sandbox, NOW))


@pytest.mark.parametrize("case", ACCEPTED)
def test_accepted(case: Case, keys: Keys, sandbox: Bubblewrap) -> None:
    verdict = decide(case(keys), sandbox)
    assert len(verdict.signers) == 1
    assert verdict.tag_bound


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: Case, keys: Keys, sandbox: Bubblewrap) -> None:
    with pytest.raises((Untrusted, LimitExceeded)):
        decide(case(keys), sandbox)


@pytest.mark.parametrize("case", FIRST_MESSAGE_ONLY)
def test_what_follows_the_first_message_says_nothing(case: Case, keys: Keys, sandbox: Bubblewrap) -> None:
    """A gpgv that stops after the first message accepts it, and only what it says."""
    made = case(keys)
    with pytest.raises(Untrusted):
        decide(made, sandbox, Digest.of(b"another manifest"))
    assert len(decide(made, sandbox).signers) == 1
