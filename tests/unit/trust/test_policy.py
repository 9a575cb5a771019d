# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which of a remote's keys count: what `fingerprints` and `deny-keys` do to keys of both kinds."""

import pytest

from appctld.trust.policy import cosign_that_count, openpgp_that_count
from support.signatures.cosign import CosignKey
from support.signatures.keys import Keys
from support.signatures.policy import Trusting

ONE, TWO = CosignKey(), CosignKey()
PEM = ONE.pem + TWO.pem
COSIGN = {ONE.fingerprint, TWO.fingerprint}
NOBODY_40, NOBODY_64 = "A" * 40, "A" * 64


@pytest.fixture(scope="module")
def gpg(publisher: str, second: str) -> list[str]:
    return [publisher, second]


def counting(
    keys: Keys, gpg: list[str], pinned: set[str], denied: frozenset[str] = frozenset()
) -> list[set[str]]:
    remote = Trusting(keys.export(*gpg), PEM, fingerprints=frozenset(pinned), deny_keys=frozenset(denied))
    return [set(openpgp_that_count(remote, gpg)), set(cosign_that_count(remote, COSIGN))]


def test_without_fingerprints_every_key_counts(keys: Keys, gpg: list[str]) -> None:
    assert counting(keys, gpg, set()) == [set(gpg), COSIGN]


def test_a_fingerprint_restricts_the_kind_that_it_names(keys: Keys, gpg: list[str]) -> None:
    assert counting(keys, gpg, {gpg[0]}) == [{gpg[0]}, COSIGN]
    assert counting(keys, gpg, {ONE.fingerprint}) == [set(gpg), {ONE.fingerprint}]
    assert counting(keys, gpg, {gpg[1], TWO.fingerprint}) == [{gpg[1]}, {TWO.fingerprint}]


def test_one_that_names_no_key_restricts_every_kind_that_it_may_be_of(keys: Keys, gpg: list[str]) -> None:
    """40 digits can only be an OpenPGP key's; a key that was replaced must not widen what counts."""
    assert counting(keys, gpg, {NOBODY_40}) == [set(), COSIGN]
    assert counting(keys, gpg, {NOBODY_64}) == [set(), set()]
    assert counting(keys, gpg, {NOBODY_64, ONE.fingerprint}) == [set(), {ONE.fingerprint}]


def test_denied_keys_of_both_kinds_never_count(keys: Keys, gpg: list[str]) -> None:
    denied = frozenset({gpg[0], ONE.fingerprint})
    assert counting(keys, gpg, set(), denied) == [{gpg[1]}, {TWO.fingerprint}]
    assert counting(keys, gpg, set(denied), denied) == [set(), set()]


@pytest.mark.parametrize("broken", [None, b"", b"rubbish"])
def test_keys_that_cannot_be_read_excuse_no_fingerprint(
    broken: bytes | None, keys: Keys, gpg: list[str]
) -> None:
    of_cosign = Trusting(keys.export(*gpg), broken, fingerprints=frozenset({ONE.fingerprint}))
    assert openpgp_that_count(of_cosign, gpg) == set()
    of_gpg = Trusting(broken, PEM, fingerprints=frozenset({NOBODY_64}))
    assert cosign_that_count(of_gpg, COSIGN) == set()
