# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Keyring updates that must be refused: each is made with a real gpg, and each leaves everything as it was.

A case has an ID, says what is tried, and names the leaf that refuses it and words of its sentence. It gets a
publisher's keys and a machine that trusts nobody yet; it adds the remote `acme` and gives the update's file.
"""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from appctld.errors import AppctlError, LimitExceeded, SignatureInvalid, SignatureMissing, UntrustedSigner
from appctld.model.jsonvalue import Json, JsonObject
from appctld.trust.gpgv import SIGNATURE_BYTES
from appctld.trust.keyset import MESSAGES, SERIAL, UPDATE_BYTES
from support.signatures.keys import Keys, payload
from support.signatures.rotation import DAY, NOW, Rotating, lines, text


class Stage(Rotating):
    """A machine, and keys that no case changes; `split` signs with its subkeys, `halves`."""

    old = second = new = stranger = split = classic = ""
    halves = ("", "")

    def good(self, changes: JsonObject | None = None) -> bytes:
        """An update from `old` to `new` that is right but for `changes` of what is signed."""
        return self.raw(self.statement(self.new, **(changes or {})))

    def raw(self, statement: bytes) -> bytes:
        """A statement as the right two keys sign it."""
        self.trust("acme", self.old)
        return self.update(statement, self.old, self.new)


class Case(NamedTuple):
    """What is tried, and what refuses it."""

    id: str
    what: str
    leaf: type[AppctlError]
    says: str
    make: Callable[[Stage], bytes]


CASES: list[Case] = []


def case(
    what: str, leaf: type[AppctlError], says: str
) -> Callable[[Callable[[Stage], bytes]], Callable[[Stage], bytes]]:
    """Add a case, whose ID is its function's name."""

    def add(make: Callable[[Stage], bytes]) -> Callable[[Stage], bytes]:
        CASES.append(Case(make.__name__.replace("_", "-"), what, leaf, says, make))
        return make

    return add


def signed(what: str, says: str, **changes: Json) -> None:
    """Add a case whose statement alone is wrong."""
    make = partial(Stage.good, changes=changes)
    CASES.append(Case(what.replace(" ", "-"), what, SignatureInvalid, says, make))


@pytest.fixture(scope="module")
def keys() -> Iterator[Keys]:
    with Keys() as found:
        for name in ("old", "second", "new", "stranger", "split"):
            setattr(Stage, name, found.make(name))
        Stage.classic = found.make("classic", "rsa2048")
        Stage.halves = (found.add_subkey(Stage.split), found.add_subkey(Stage.split))
        yield found


# --- who signs


@case("the new keys did not sign, so they may belong to nobody", UntrustedSigner, "none of the new keys")
def only_the_old_key(stage: Stage) -> bytes:
    stage.trust("acme", stage.old)
    return stage.update(stage.statement(stage.new), stage.old)


@case("only the new key signs, and vouches for itself", UntrustedSigner, "none of the keys that remote acme")
def only_the_new_key(stage: Stage) -> bytes:
    stage.trust("acme", stage.old)
    return stage.update(stage.statement(stage.new), stage.new)


@case(
    "a key of the keyring signs that the remote does not pin", UntrustedSigner, "none of the keys that remote"
)
def a_key_that_is_not_pinned(stage: Stage) -> bytes:
    stage.trust("acme", stage.old, stage.second)
    stage.modify("acme", fingerprints=stage.old)
    return stage.update(stage.statement(stage.second), stage.second)


@case("one of two keys signs where two must", SignatureInvalid, "1 of the keys that remote acme trusts now")
def one_of_two(stage: Stage) -> bytes:
    stage.trust("acme", stage.old, stage.second, threshold="2")
    return stage.update(stage.statement(stage.new), stage.old, stage.new)


@case("one key signs twice where two must", SignatureInvalid, "1 of the keys that remote acme trusts now")
def one_key_twice(stage: Stage) -> bytes:
    stage.trust("acme", stage.old, stage.second, threshold="2")
    return stage.update(stage.statement(stage.new), stage.old, stage.old, stage.new)


@case("two subkeys of one key sign where two keys must", SignatureInvalid, "1 of the keys that remote acme")
def two_subkeys_of_one_key(stage: Stage) -> bytes:
    stage.trust("acme", stage.split, stage.second, threshold="2")
    return stage.update(stage.statement(stage.new), *stage.halves, stage.new)


@case("one of the new keys signs where two of them will have to", SignatureInvalid, "1 of the new keys")
def one_of_two_new_keys(stage: Stage) -> bytes:
    stage.trust("acme", stage.old)
    return stage.update(stage.statement(stage.new, stage.second, threshold=2), stage.old, stage.new)


@case("the signers sign different sets", SignatureInvalid, "did not sign the same")
def different_sets(stage: Stage) -> bytes:
    stage.trust("acme", stage.old, stage.second, threshold="2")
    one, other = stage.statement(stage.new), stage.statement(stage.stranger)
    return stage.update(one, stage.old, stage.new) + stage.update(other, stage.second)


@case("the old keys sign one set and the new keys another", SignatureInvalid, "another keyring update")
def another_set_for_the_new_keys(stage: Stage) -> bytes:
    stage.trust("acme", stage.old)
    one, other = stage.statement(stage.new), stage.statement(stage.new, serial=2)
    return stage.update(one, stage.old) + stage.update(other, stage.new)


@case("nobody signs", UntrustedSigner, "there is no signature in it")
def no_signature(stage: Stage) -> bytes:
    stage.trust("acme", stage.old)
    return lines(stage.statement(stage.new))


@case("the signatures lie beside what they sign", UntrustedSigner, "of the right form in it")
def detached_signatures(stage: Stage) -> bytes:
    stage.trust("acme", stage.old)
    statement = stage.statement(stage.new)
    return lines(*(stage.keys.sign(statement, key, how="--detach-sign") for key in (stage.old, stage.new)))


@case("one message bears both signatures", UntrustedSigner, "more than one signature")
def two_signatures_in_one_message(stage: Stage) -> bytes:
    stage.trust("acme", stage.old)
    return lines(stage.keys.sign(stage.statement(stage.new), stage.old, stage.new))


@case("the statement is signed as text", UntrustedSigner, "it signs text")
def signed_as_text(stage: Stage) -> bytes:
    stage.trust("acme", stage.old)
    return lines(stage.keys.sign(stage.statement(stage.new), stage.old, how="--clear-sign"))


@case("the hash is SHA-1", UntrustedSigner, "no longer safe")
def sha1(stage: Stage) -> bytes:
    stage.trust("acme", stage.classic)
    statement, weak = stage.statement(stage.new), ("--digest-algo", "SHA1", "--allow-weak-digest-algos")
    return lines(stage.keys.sign(statement, stage.classic, options=weak)) + stage.update(statement, stage.new)


# --- denied keys


@case("a denied key signs", UntrustedSigner, "it is signed by")
def a_denied_key(stage: Stage) -> bytes:
    stage.trust("acme", stage.old, stage.second, deny_keys=stage.old)
    return stage.update(stage.statement(stage.new), stage.old, stage.new)


@case("a denied subkey of a trusted key signs", UntrustedSigner, "it is signed by")
def a_denied_subkey(stage: Stage) -> bytes:
    stage.trust("acme", stage.split, deny_keys=stage.halves[0])
    return stage.update(stage.statement(stage.new), stage.halves[0], stage.new)


@case(
    "a denied key is the second of two signers", SignatureInvalid, "1 of the keys that remote acme trusts now"
)
def a_denied_key_for_the_threshold(stage: Stage) -> bytes:
    stage.trust("acme", stage.old, stage.second, threshold="2", deny_keys=stage.second)
    return stage.update(stage.statement(stage.new), stage.old, stage.second, stage.new)


@case("the only new key is denied here", SignatureInvalid, "0 of the new ones are left")
def a_denied_key_alone_in_the_new_set(stage: Stage) -> bytes:
    stage.trust("acme", stage.old, deny_keys=stage.new)
    return stage.update(stage.statement(stage.new), stage.old, stage.new)


@case("a denied new key is the second of two new signers", SignatureInvalid, "1 of the new keys")
def a_denied_key_for_the_new_threshold(stage: Stage) -> bytes:
    stage.trust("acme", stage.old, deny_keys=stage.new)
    statement = stage.statement(stage.new, stage.second, stage.split, threshold=2)
    return stage.update(statement, stage.old, stage.new, stage.second)


@case("a denied subkey signs for a new key", UntrustedSigner, "none of the new keys")
def a_denied_subkey_of_a_new_key(stage: Stage) -> bytes:
    stage.trust("acme", stage.old, deny_keys=stage.halves[0])
    return stage.update(stage.statement(stage.split), stage.old, stage.halves[0])


# --- keys that were given up


def stolen(stage: Stage, key: str) -> Keys:
    """A home in which the secret key is, whatever is revoked or expires elsewhere."""
    thief = stage.enter_context(Keys())
    thief.gpg("--import", stdin=stage.keys.export_secret(key))
    return thief


@case("a key signs that was revoked", UntrustedSigner, "its key was revoked")
def a_revoked_key(stage: Stage) -> bytes:
    key = stage.keys.make("given-up")
    thief = stolen(stage, key)
    stage.keys.revoke(key, 2)
    stage.trust("acme", key)
    statement = stage.statement(stage.new)
    return lines(thief.sign(statement, key)) + stage.update(statement, stage.new)


@case("a key signs for a set that revokes it", UntrustedSigner, "none of the new keys")
def a_key_that_the_new_set_revokes(stage: Stage) -> bytes:
    key = stage.keys.make("given-up-now")
    stage.trust("acme", key)
    thief = stolen(stage, key)
    stage.keys.revoke(key, 2)
    return lines(thief.sign(stage.statement(key), key))


@case("a revoked key comes back without its revocation", SignatureInvalid, "without its revocation")
def a_revocation_that_is_missing(stage: Stage) -> bytes:
    key = stage.keys.make("brought-back")
    thief = stolen(stage, key)
    stage.keys.revoke(key, 2)
    stage.trust("acme", stage.old, key)
    statement = stage.statement(keys=[text(thief.export(key))])
    return stage.update(statement, stage.old) + lines(thief.sign(statement, key))


@case("a revoked subkey comes back without its revocation", SignatureInvalid, "without its revocation")
def a_subkeys_revocation_that_is_missing(stage: Stage) -> bytes:
    key = stage.keys.make("with-a-lost-subkey")
    stage.keys.add_subkey(key)
    thief = stolen(stage, key)
    stage.keys.revoke_subkey(key)
    stage.trust("acme", stage.old, key)
    statement = stage.statement(keys=[text(thief.export(key))])
    return stage.update(statement, stage.old) + lines(thief.sign(statement, key))


def forgotten(stage: Stage, name: str, bare: Callable[[Keys, str], object] = Keys.revoke) -> bytes:
    """Update 1 revokes a key, or what `bare` revokes of it; 2 leaves it out, and 3 brings it as it was."""
    key = stage.keys.make(name)
    stage.keys.add_subkey(key)
    thief = stolen(stage, key)
    stage.trust("acme", stage.old, key)
    bare(stage.keys, key)
    stage.apply(stage.update(stage.statement(stage.old, key, serial=1), stage.old))
    stage.apply(stage.update(stage.statement(stage.old, serial=2), stage.old))
    statement = stage.statement(keys=[text(thief.export(key))], serial=3)
    return stage.update(statement, stage.old) + lines(thief.sign(statement, key))


@case("a key comes back that an update revoked and a later one left out", SignatureInvalid, "its revocation")
def a_revocation_that_was_left_out(stage: Stage) -> bytes:
    return forgotten(stage, "left-out")


@case(
    "a subkey comes back that an update revoked and a later one left out", SignatureInvalid, "its revocation"
)
def a_subkeys_revocation_that_was_left_out(stage: Stage) -> bytes:
    return forgotten(stage, "subkey-left-out", Keys.revoke_subkey)


@case("a revoked key comes back after the remote was removed", SignatureInvalid, "its revocation")
def a_revocation_from_before_a_removal(stage: Stage) -> bytes:
    update = forgotten(stage, "left-out-then-removed")
    stage.remove("acme")
    stage.trust("acme", stage.old)
    return update


@case("a revoked key comes back after the remote was moved", SignatureInvalid, "its revocation")
def a_revocation_from_before_a_move(stage: Stage) -> bytes:
    update = forgotten(stage, "left-out-then-moved")
    stage.modify("acme", url="https://registry.acme.example")
    return update


@case("a key signs that has expired", UntrustedSigner, "its key has expired")
def an_expired_key(stage: Stage) -> bytes:
    key = stage.keys.make("expired", expire="1d", at=1_700_000_000)
    stage.trust("acme", key)
    statement = stage.statement(stage.new)
    return lines(stage.keys.sign(statement, key, at=1_700_000_001)) + stage.update(statement, stage.new)


@case("a signature is dated in the future", UntrustedSigner, "dated in the future")
def a_signature_of_the_future(stage: Stage) -> bytes:
    stage.trust("acme", stage.old)
    statement = stage.statement(stage.new)
    late = stage.keys.sign(statement, stage.old, at=NOW + 3 * DAY)
    return lines(late) + stage.update(statement, stage.new)


# --- which update it is


@case("it is for another remote of the same publisher", SignatureInvalid, "called acme-testing, not acme")
def another_remote(stage: Stage) -> bytes:
    return stage.good({"remote": "acme-testing"})


@case("the last update comes again", SignatureInvalid, "not newer than 1")
def a_replay(stage: Stage) -> bytes:
    stage.trust("acme", stage.old)
    update = stage.update(stage.statement(stage.new, stage.old), stage.old, stage.new)
    stage.apply(update)
    return update


@case("another update of the same number comes", SignatureInvalid, "not newer than 1")
def another_of_that_number(stage: Stage) -> bytes:
    a_replay(stage)
    return stage.update(stage.statement(stage.second, stage.old), stage.old, stage.second)


@case("an older update comes that the keys of now signed too", SignatureInvalid, "not newer than 7")
def an_older_update(stage: Stage) -> bytes:
    stage.trust("acme", stage.old)
    stage.apply(stage.update(stage.statement(stage.new, stage.old, serial=7), stage.old, stage.new))
    return stage.update(stage.statement(stage.second, stage.old, serial=6), stage.old, stage.second)


@case(
    "the last update comes again after the remote was removed",
    SignatureInvalid,
    "not newer than 1",
)
def a_replay_after_removal(stage: Stage) -> bytes:
    update = a_replay(stage)
    stage.remove("acme")
    stage.trust("acme", stage.old)
    return update


@case("the last update comes again after the remote was moved", SignatureInvalid, "not newer than 1")
def a_replay_after_a_move(stage: Stage) -> bytes:
    update = a_replay(stage)
    stage.modify("acme", url="https://registry.acme.example")
    return update


signed("its time is over", "was good until", expires=NOW)
signed("it would be good for ever", "more than 400 days", expires=NOW + 401 * DAY)

# --- what is signed


@case("an image's signature is given as an update", SignatureInvalid, "it does not have exactly")
def an_images_signature(stage: Stage) -> bytes:
    return stage.raw(payload("sha256:" + "0" * 64, "quay.io/acme/editor:1"))


@case("a member stands there twice", SignatureInvalid, "stands there twice")
def a_member_twice(stage: Stage) -> bytes:
    return stage.raw(stage.statement(stage.new).replace(b"{", b'{"serial": 9, ', 1))


@case("a member is missing", SignatureInvalid, "it does not have exactly")
def a_missing_member(stage: Stage) -> bytes:
    members = json.loads(stage.statement(stage.new))
    del members["expires"]
    return stage.raw(json.dumps(members).encode())


@case("it is no JSON", SignatureInvalid, "no JSON")
def no_json(stage: Stage) -> bytes:
    return stage.raw(b"{")


signed("an unknown member", "it does not have exactly", note="x")
signed("another type", "its type is not", type="atomic container signature")
signed("a remote that none can be called", "no name of a remote", remote="../acme")
signed("serial 0", "'serial' is not", serial=0)
signed("a negative serial", "'serial' is not", serial=-1)
signed("a serial that is no number", "'serial' is missing or no int", serial="1")
signed("a serial that is true", "'serial' is missing or no int", serial=True)
signed("a serial that rounds", "'serial' is not", serial=SERIAL + 1)
signed("threshold 0", "'threshold' is not", threshold=0)
signed("a threshold of more than its keys", "'threshold' is not", threshold=2)
signed("no key", "not 1 to 64 keys", keys=[])
signed("too many keys", "not 1 to 64 keys", keys=["AA=="] * 65)
signed("a key that is no base64", "no base64", keys=["%"])
signed("a key that is none", "one of its keys", keys=[text(b"hello")])


@case("a key stands there twice, for the threshold", SignatureInvalid, "a key twice")
def a_key_twice(stage: Stage) -> bytes:
    return stage.raw(stage.statement(stage.new, stage.new, threshold=2))


@case("one text holds two keys", SignatureInvalid, "is several")
def two_keys_in_one(stage: Stage) -> bytes:
    return stage.good({"keys": [text(stage.keys.export(stage.new, stage.stranger))]})


@case("a key is armored", SignatureInvalid, "armored")
def an_armored_key(stage: Stage) -> bytes:
    return stage.good({"keys": [text(stage.keys.export(stage.new, armor=True))]})


@case("it holds a secret key", SignatureInvalid, "secret")
def a_secret_key(stage: Stage) -> bytes:
    return stage.good({"keys": [text(stage.keys.export_secret(stage.new))]})


@case("a key's user ID is signed by nobody", SignatureInvalid, "are not good")
def a_broken_key(stage: Stage) -> bytes:
    key = stage.keys.export(stage.stranger)
    name_at = 2 + key[1]
    bare = key[: name_at + 2 + key[name_at + 1]]
    return stage.good({"keys": [text(stage.keys.export(stage.new)), text(bare)]})


# --- which remote


@pytest.mark.parametrize("verify", ["digest", "none"])
def test_a_remote_without_keys_gets_none_by_an_update(verify: str, tmp_path: Path, keys: Keys) -> None:
    stage = Stage(tmp_path, keys)
    stage.trust("acme", stage.old, verify=verify)
    with pytest.raises(UntrustedSigner, match="there is no key that could sign"):
        stage.apply(stage.update(stage.statement(stage.new), stage.old, stage.new))


# --- sizes and spelling


@case("the file is empty", SignatureMissing, "no signed message")
def an_empty_file(stage: Stage) -> bytes:
    stage.trust("acme", stage.old)
    return b"\n"


@case("a line is no base64", SignatureInvalid, "no base64")
def no_base64(stage: Stage) -> bytes:
    return stage.good() + b"%\n"


@case("the file is too large", LimitExceeded, str(UPDATE_BYTES))
def a_large_file(stage: Stage) -> bytes:
    return stage.good() + b"\n" * UPDATE_BYTES


@case("there are too many messages", LimitExceeded, str(MESSAGES))
def many_messages(stage: Stage) -> bytes:
    return stage.good() + lines(b"x") * (MESSAGES - 1)


@case("a message is too large", LimitExceeded, str(SIGNATURE_BYTES))
def a_large_message(stage: Stage) -> bytes:
    return stage.good() + lines(bytes(SIGNATURE_BYTES + 1))


@case("a message unpacks to more than it may", UntrustedSigner, "of output")
def a_bomb(stage: Stage) -> bytes:
    stage.trust("acme", stage.old)
    return stage.update(bytes(1 << 20), stage.old)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in CASES])
def test_it_is_refused_and_nothing_changes(case: Case, tmp_path: Path, keys: Keys) -> None:
    with Stage(tmp_path, keys) as stage:
        update = case.make(stage)
        before = stage.files()
        with pytest.raises(case.leaf) as caught:
            stage.apply(update)
        assert type(caught.value) is case.leaf
        assert case.says in caught.value.message
        assert caught.value.data["remote"] == "acme"
        assert "?" not in caught.value.message, "a field that nobody filled in"
        for word in ("--gpg-import", "--verify none"):
            assert word not in caught.value.message + caught.value.advice
        assert stage.files() == before


def test_every_case_has_a_name_of_its_own() -> None:
    assert len({case.id for case in CASES}) == len(CASES) > 20
