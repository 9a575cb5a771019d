# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What became of a key, in words; and that the words follow from the remote's own file."""

from pathlib import Path

import pytest

from appctld.errors import SignatureInvalid, UntrustedSigner
from appctld.trust.keys import read_keyring
from appctld.trust.since import count_no_more, since
from appctld.trust.status import REASONS
from support.signatures.policy import Trusting

KEYS = Path(__file__).parents[2] / "fixtures/keys"
PUBLISHER, OTHER = ((KEYS / f"{name}.gpg").read_bytes() for name in ("publisher", "other"))
(KEY,) = (key.fingerprint for key in read_keyring(PUBLISHER))
(STRANGER,) = (key.fingerprint for key in read_keyring(OTHER))


@pytest.mark.parametrize(
    ("remote", "words"),
    [
        (Trusting(PUBLISHER, deny_keys=frozenset({KEY})), "was denied"),
        (Trusting(OTHER), "was removed from the remote's keys"),
        (Trusting(None), "was removed from the remote's keys"),
        (
            Trusting(PUBLISHER + OTHER, fingerprints=frozenset({STRANGER})),
            "was taken off the remote's fingerprints",
        ),
    ],
)
def test_what_the_remote_says_about_a_key(remote: Trusting, words: str) -> None:
    assert since([KEY], remote, UntrustedSigner("x")) == f"since then key {KEY[:4]}…{KEY[-4:]} {words}"


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("REVKEYSIG", "since then the key was revoked"),
        ("EXPKEYSIG", "since then the key has expired"),
        ("EXPSIG", f"now: {REASONS['EXPSIG']}"),
    ],
)
def test_what_gpgv_says_about_a_key(reason: str, words: str) -> None:
    assert since([KEY], Trusting(PUBLISHER), SignatureInvalid(REASONS[reason])) == words


def test_keys_of_other_kinds_are_known_as_well() -> None:
    raw = bytes(32)
    remote = Trusting(None, ed25519_keys=(raw,))
    assert since([raw.hex().upper()], remote, SignatureInvalid("few")) == "now: few"


@pytest.mark.parametrize(
    ("remote", "words"),
    [
        (Trusting(PUBLISHER, deny_keys=frozenset({KEY})), "was denied"),
        (Trusting(PUBLISHER), "counts no more"),
    ],
)
def test_a_key_of_several_that_counts_no_more(remote: Trusting, words: str) -> None:
    assert count_no_more([KEY], remote) == f"since then key {KEY[:4]}…{KEY[-4:]} {words}"
