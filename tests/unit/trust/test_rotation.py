# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Keyring updates that hold, with signatures of a real gpg; those that do not are in tests/attacks."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable

import pytest

from appctld.errors import AppctlError, Expired, SignatureInvalid
from appctld.model.digest import Digest
from appctld.model.jsonvalue import Json
from appctld.system.sandbox import Bubblewrap
from appctld.trust.clock import RELEASED
from appctld.trust.keys import read_keyring
from appctld.trust.rotation import LIFETIME, Rotation, judge_update
from support.signatures.keys import Keys
from support.signatures.policy import Trusting
from support.signatures.rotation import NOW, lines, text

Import = Callable[[bytes], Awaitable[tuple[bytes, tuple[str, ...]]]]


async def as_they_are(keys: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The keyring worker, for keys that gpg has exported."""
    return keys, tuple(key.fingerprint for key in read_keyring(keys))


class Press:
    """Makes updates, and has them judged."""

    def __init__(self, keys: Keys, sandbox: Bubblewrap) -> None:
        self.keys = keys
        self.sandbox = sandbox

    def statement(self, *fingerprints: str, **changes: Json) -> bytes:
        keys: Json = [text(self.keys.export(fingerprint)) for fingerprint in fingerprints]
        members = {
            "type": "appctl keyring update",
            "remote": "acme",
            "serial": 3,
            "threshold": 1,
            "keys": keys,
        }
        return json.dumps({**members, "expires": NOW + 1, **changes}).encode()

    def judge(
        self, statement: bytes, *signers: str, remote: Trusting, importing: Import = as_they_are
    ) -> Rotation:
        update = lines(*(self.keys.sign(statement, signer) for signer in signers))
        return asyncio.run(judge_update(update, remote, importing, self.sandbox, NOW))


@pytest.fixture
def press(keys: Keys, sandbox: Bubblewrap) -> Press:
    return Press(keys, sandbox)


def test_the_keys_of_now_and_those_to_come_have_signed(press: Press, publisher: str, second: str) -> None:
    statement = press.statement(second)
    remote = Trusting(press.keys.export(publisher))
    rotation = press.judge(statement, publisher, second, remote=remote)
    assert rotation == Rotation(
        serial=3,
        payload=Digest.of(statement),
        keyring=press.keys.export(second),
        fingerprints=(second,),
        threshold=1,
        revoked=frozenset(),
        unrevoked=frozenset({second}),
    )


def test_who_is_on_both_sides_signs_once(press: Press, publisher: str, second: str) -> None:
    remote = Trusting(press.keys.export(publisher))
    rotation = press.judge(press.statement(publisher, second), publisher, remote=remote)
    assert set(rotation.fingerprints) == {publisher, second}


def test_both_thresholds(press: Press, publisher: str, second: str, stranger: str) -> None:
    remote = Trusting(press.keys.export(publisher, second), threshold=2)
    statement = press.statement(second, stranger, threshold=2)
    rotation = press.judge(statement, stranger, publisher, second, remote=remote)
    assert (set(rotation.fingerprints), rotation.threshold) == ({second, stranger}, 2)


def test_signatures_that_count_for_nobody_are_passed_over(
    press: Press, publisher: str, second: str, stranger: str
) -> None:
    remote = Trusting(press.keys.export(publisher))
    statement = press.statement(second)
    other = press.keys.sign(press.statement(stranger), stranger)
    update = lines(b"", other, *(press.keys.sign(statement, key) for key in (publisher, second)))
    rotation = asyncio.run(judge_update(update, remote, as_they_are, press.sandbox, NOW))
    assert rotation.fingerprints == (second,)


def test_a_denied_key_of_the_new_set_is_not_among_those_that_count(
    press: Press, publisher: str, second: str, stranger: str
) -> None:
    remote = Trusting(press.keys.export(publisher), deny_keys=frozenset({stranger}))
    rotation = press.judge(press.statement(second, stranger), publisher, second, remote=remote)
    assert rotation.fingerprints == (second,)


def test_a_remote_that_asks_for_more_than_gpg_has_keys_too(press: Press, publisher: str, second: str) -> None:
    remote = Trusting(press.keys.export(publisher), verify="gpg+cosign")
    assert press.judge(press.statement(second), publisher, second, remote=remote).serial == 3


@pytest.mark.parametrize("verify", ["gpg+cosign", "gpg+ed25519"])
@pytest.mark.parametrize("threshold", [1, 2, 3])
def test_a_threshold_that_other_keys_share_stays(
    press: Press, publisher: str, second: str, stranger: str, threshold: int, verify: str
) -> None:
    """OpenPGP keys alone must not let fewer keys of the other kind do, or ask for more than there are."""
    signers = (publisher, second, stranger)
    remote = Trusting(press.keys.export(publisher, second), threshold=2, verify=verify)
    statement = press.statement(*signers, threshold=threshold)
    if threshold == remote.threshold:
        assert press.judge(statement, *signers, remote=remote).threshold == threshold
        return
    with pytest.raises(SignatureInvalid, match=f"with verify={re.escape(verify)} .* only the administrator"):
        press.judge(statement, *signers, remote=remote)


def test_a_revoked_key_may_stay_revoked(press: Press, publisher: str) -> None:
    """A full set carries the revocation, so that old signatures are told as revoked and not as unknown."""
    gone = press.keys.make("gone")
    press.keys.revoke(gone)
    remote = Trusting(press.keys.export(publisher, gone))
    rotation = press.judge(press.statement(publisher, gone), publisher, remote=remote)
    assert set(rotation.fingerprints) == {publisher, gone}
    assert rotation.revoked == {gone}
    assert rotation.unrevoked == {publisher}


def test_what_is_revoked_is_told_also_where_the_new_set_leaves_it_out(press: Press, publisher: str) -> None:
    gone = press.keys.make("gone-and-left-out")
    press.keys.revoke(gone)
    remote = Trusting(press.keys.export(publisher, gone))
    assert press.judge(press.statement(publisher), publisher, remote=remote).revoked == {gone}


@pytest.mark.parametrize(
    ("expires", "holds"), [(0, False), (1, True), (LIFETIME, True), (LIFETIME + 1, False)]
)
def test_from_when_to_when(press: Press, publisher: str, expires: int, holds: bool) -> None:  # noqa: FBT001
    remote = Trusting(press.keys.export(publisher))
    statement = press.statement(publisher, expires=NOW + expires)
    if holds:
        assert press.judge(statement, publisher, remote=remote).serial == 3
        return
    with pytest.raises(SignatureInvalid):
        press.judge(statement, publisher, remote=remote)


def test_gpg_must_read_the_keys_that_stand_there(press: Press, publisher: str, second: str) -> None:
    async def another(_keys: bytes) -> tuple[bytes, tuple[str, ...]]:
        return await as_they_are(press.keys.export(second))

    remote = Trusting(press.keys.export(publisher))
    with pytest.raises(SignatureInvalid, match="gpg reads other keys"):
        press.judge(press.statement(publisher), publisher, remote=remote, importing=another)


def test_nothing_is_imported_that_the_keys_of_now_did_not_sign(
    press: Press, publisher: str, second: str
) -> None:
    """R1: what stands in a statement is read only after its signatures hold."""

    async def never(_keys: bytes) -> tuple[bytes, tuple[str, ...]]:
        raise AssertionError

    remote = Trusting(press.keys.export(publisher))
    for statement in (press.statement(second), b"{"):
        with pytest.raises(AppctlError, match="none of the keys") as caught:
            press.judge(statement, second, remote=remote, importing=never)
        assert caught.value.data["remote"] == "acme"


def test_a_clock_that_cannot_be_right_judges_nothing(press: Press, publisher: str) -> None:
    """Set back far enough it would bring every update back."""
    update = lines(press.keys.sign(press.statement(publisher), publisher))
    remote = Trusting(press.keys.export(publisher))
    with pytest.raises(Expired, match="clock"):
        asyncio.run(judge_update(update, remote, as_they_are, press.sandbox, RELEASED - 1))
