# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""How a keyring update is applied: what is written, in which order, and what a power cut leaves."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appctld.config.remotes import KEYRING_BYTES
from appctld.config.store import RemoteStore
from appctld.errors import InvalidReference, LimitExceeded, NoRemote, PolicyDenied, SignatureInvalid
from appctld.jobs.publishers.rotation import apply_rotation
from appctld.model.digest import Digest
from appctld.model.jsonvalue import Json
from appctld.state.serials import REVOKED, last_serial
from appctld.system import durable
from appctld.trust.gpgv import open_blob
from appctld.trust.keys import read_keyring
from appctld.trust.rotation import Rotation, judge_update
from support.signatures.keys import Keys
from support.signatures.rotation import Rotating, text


class Cut(BaseException):
    """The power is gone."""


@pytest.fixture(scope="module")
def keys() -> Iterator[Keys]:
    with Keys() as found:
        yield found


@pytest.fixture(scope="module")
def names(keys: Keys) -> tuple[str, str, str]:
    return keys.make("old"), keys.make("kept"), keys.make("new")


@pytest.fixture
def yard(tmp_path: Path, keys: Keys) -> Rotating:
    return Rotating(tmp_path, keys)


@pytest.fixture(scope="module")
def updates(
    keys: Keys, names: tuple[str, str, str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[bytes, bytes]:
    """Number 5, from `old` and `kept` to `kept` and `new`; and number 4, which must never come after it."""
    old, kept, new = names
    yard = Rotating(tmp_path_factory.mktemp("updates"), keys)
    newer = yard.update(yard.statement(kept, new, serial=5), old, new)
    return newer, yard.update(yard.statement(kept, serial=4), old, kept, new)


def counts(yard: Rotating) -> frozenset[str]:
    """Whose signatures count now, as a verdict sees it."""
    remote = yard.remote()
    there = {key.fingerprint for key in read_keyring(remote.keyring or b"")}
    return frozenset(there & remote.fingerprints)


def test_keyring_pins_and_threshold_are_replaced(yard: Rotating, names: tuple[str, str, str]) -> None:
    old, kept, new = names
    yard.trust("acme", old, kept, title="Acme")
    yard.apply(yard.update(yard.statement(kept, new, threshold=2, serial=5), old, kept, new))
    remote = yard.remote()
    assert remote.fingerprints == {kept, new}
    assert [key.fingerprint for key in read_keyring(remote.keyring or b"")] == [kept, new]
    assert (remote.threshold, remote.title) == (2, "Acme")
    yard.apply(yard.update(yard.statement(new, serial=6), kept, new))
    assert counts(yard) == {new}
    assert yard.remote().threshold == 1


def test_denied_keys_stay_denied(yard: Rotating, names: tuple[str, str, str]) -> None:
    old, kept, new = names
    yard.trust("acme", old, deny_keys=kept)
    yard.apply(yard.update(yard.statement(kept, new), old, new))
    assert yard.remote().deny_keys == {kept}
    assert counts(yard) == {new}
    yard.modify("acme", deny_keys="")
    assert counts(yard) == {new}, "to lift a denial is not yet to trust"


@pytest.fixture(scope="module")
def given_up(keys: Keys) -> tuple[str, bytes, bytes]:
    """A key, as it was before it was revoked and as it is since."""
    key = keys.make("given-up")
    before = keys.export(key)
    keys.revoke(key)
    return key, before, keys.export(key)


def give_up(yard: Rotating, old: str, given_up: tuple[str, bytes, bytes]) -> None:
    """An update that revokes a key, and two that leave it out: before the second it lies nowhere any more."""
    yard.trust("acme", old)
    yard.apply(yard.update(yard.statement(old, given_up[0], serial=1), old))
    yard.apply(yard.update(yard.statement(old, serial=2), old))
    yard.apply(yard.update(yard.statement(old, serial=3), old))


def test_a_revoked_key_comes_back_with_its_revocation_only(
    yard: Rotating, names: tuple[str, str, str], given_up: tuple[str, bytes, bytes]
) -> None:
    """An update that left it out does not let anybody forget it."""
    old, _, _ = names
    key, bare, revoked = given_up
    give_up(yard, old, given_up)
    with pytest.raises(SignatureInvalid, match="was revoked, and comes without") as caught:
        yard.apply(yard.update(yard.statement(keys=keys_of(yard, old, bare), serial=4), old))
    assert caught.value.data["remote"] == "acme"
    assert counts(yard) == {old}
    yard.apply(yard.update(yard.statement(keys=keys_of(yard, old, revoked), serial=4), old))
    assert counts(yard) == {old, key}, "it is told as revoked, and no signature by it counts"


def keys_of(yard: Rotating, fingerprint: str, key: bytes) -> Json:
    """The member of a statement."""
    return [text(yard.keys.export(fingerprint)), text(key)]


def test_by_hand_a_revoked_key_comes_back_and_no_update_keeps_it(
    yard: Rotating, names: tuple[str, str, str], given_up: tuple[str, bytes, bytes]
) -> None:
    """Whom this machine trusts is the administrator's to say; an update still cannot."""
    old, _, _ = names
    key, bare, _ = given_up
    give_up(yard, old, given_up)
    asyncio.run(yard.book.modify("acme", {}, yard.keys.export(old) + bare))
    assert counts(yard) == {old, key}
    with pytest.raises(SignatureInvalid, match="was revoked, and comes without"):
        yard.apply(yard.update(yard.statement(keys=keys_of(yard, old, bare), serial=4), old))
    assert counts(yard) == {old, key}


def test_more_revoked_keys_than_are_remembered_change_nothing(
    yard: Rotating, names: tuple[str, str, str]
) -> None:
    old, _, new = names
    yard.trust("acme", old)
    before, remote = yard.files(), yard.remote()
    revoked = frozenset(f"{number:040X}" for number in range(REVOKED + 1))
    rotation = Rotation(1, Digest.of(b""), yard.keys.export(new), (new,), 1, revoked, frozenset({new}))
    with pytest.raises(LimitExceeded, match="revoked keys"):
        apply_rotation(rotation, remote, RemoteStore([yard.configuration]), yard.paths)
    assert yard.files() == before
    assert last_serial(yard.paths, str(remote.prefix)) is None


def test_pins_of_cosign_keys_stay(yard: Rotating, names: tuple[str, str, str]) -> None:
    """One that goes would let every cosign key count."""
    old, _, new = names
    cosign = "C" * 64
    yard.trust("acme", old)
    yard.modify("acme", fingerprints=f"{old} {cosign}")
    yard.apply(yard.update(yard.statement(new), old, new))
    assert yard.remote().fingerprints == {new, cosign}


def test_a_remote_that_is_none(yard: Rotating, names: tuple[str, str, str]) -> None:
    with pytest.raises(NoRemote):
        yard.apply(yard.update(yard.statement(names[2]), names[0], names[2]))


def test_of_a_key_on_both_sides_the_new_copy_counts_at_once(yard: Rotating, keys: Keys) -> None:
    """While both sets lie there gpgv finds the first copy, which has the revocation."""
    old, leaving = keys.make("stays"), keys.make("leaving")
    before, signature = keys.export(old, leaving), keys.sign(b"text", leaving)
    keys.revoke(leaving)
    both = keys.export(old, leaving) + before
    with pytest.raises(Exception, match="its key was revoked"):
        asyncio.run(open_blob(signature, both, yard.tools.launcher))


def test_a_threshold_beyond_the_keys_of_another_kind_changes_nothing(
    yard: Rotating, names: tuple[str, str, str]
) -> None:
    """The last step of all would be refused."""
    old, kept, new = names
    yard.trust(
        "acme", old, url="ostree+https://acme.example/repo", verify="gpg", ed25519_keys=text(b"1" * 32)
    )
    before = yard.files()
    with pytest.raises(InvalidReference, match="threshold=2"):
        yard.apply(yard.update(yard.statement(kept, new, threshold=2), old, kept, new))
    assert yard.files() == before
    assert last_serial(yard.paths, str(yard.remote().prefix)) is None


def test_keyrings_that_together_are_too_large_change_nothing(
    yard: Rotating, names: tuple[str, str, str]
) -> None:
    old, _, new = names
    yard.trust("acme", old)
    before, remote = yard.files(), yard.remote()
    large = yard.keys.export(new).ljust(KEYRING_BYTES, b"\0")
    rotation = Rotation(1, Digest.of(b""), large, (new,), 1, frozenset(), frozenset({new}))
    with pytest.raises(LimitExceeded):
        apply_rotation(rotation, remote, RemoteStore([yard.configuration]), yard.paths)
    assert yard.files() == before
    assert last_serial(yard.paths, str(remote.prefix)) is None


def test_what_a_power_cut_stopped_needs_no_more_room(yard: Rotating, names: tuple[str, str, str]) -> None:
    """The new keyring lies before the old one already, and both are as large as may be."""
    old, _, new = names
    fresh = yard.keys.export(new)
    yard.trust("acme", old)
    (yard.configuration / "acme.gpg").write_bytes(
        fresh + yard.keys.export(old) * ((KEYRING_BYTES - len(fresh)) // len(yard.keys.export(old)))
    )
    yard.apply(yard.update(yard.statement(new), old, new))
    assert (yard.configuration / "acme.gpg").read_bytes() == fresh


@pytest.mark.parametrize("pinned", [True, False], ids=["pinned", "not-pinned"])
@pytest.mark.parametrize("write", range(1, 14))
def test_after_a_power_cut_the_old_keys_count_or_the_new_ones_do(
    yard: Rotating,
    names: tuple[str, str, str],
    updates: tuple[bytes, bytes],
    write: int,
    pinned: bool,  # noqa: FBT001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Then an older update is refused, and the same one can be finished."""
    old, kept, new = names
    update, older = updates
    yard.trust("acme", old, kept)
    if not pinned:
        yard.modify("acme", fingerprints="")
    left = iter(range(1, write))
    real = durable.write_file

    def until(path: Path, data: bytes, mode: int = 0o644) -> None:
        if next(left, None) is None:
            raise Cut
        real(path, data, mode)

    with monkeypatch.context() as patched:
        patched.setattr("appctld.system.durable.write_file", until)
        patched.setattr("appctld.state.serials.write_file", until)
        try:
            yard.apply(update)
        except Cut:
            ended = False
        else:
            ended = True
    assert ended is (write > (8 if pinned else 10))
    if not yard.remote().fingerprints:
        assert {key.fingerprint for key in read_keyring(yard.remote().keyring or b"")} == {old, kept}
    else:
        assert counts(yard) in ({old, kept}, {kept, new})
    if write > 1:
        with pytest.raises(Exception, match="not newer than 5"):
            yard.apply(older)
    if not ended:
        yard.apply(update)
    assert counts(yard) == {kept, new}
    with pytest.raises(Exception, match="not newer than 5"):
        yard.apply(update)


def test_a_remote_that_changes_while_an_update_is_judged_keeps_its_keys(
    yard: Rotating, names: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Denying a key at that moment must not be overtaken."""
    old, _, new = names
    yard.trust("acme", old)
    update = yard.update(yard.statement(new), old, new)

    async def judge(*given: Any) -> Rotation:  # noqa: ANN401 - passed on
        rotation = await judge_update(*given)
        await yard.book.modify("acme", {"deny-keys": old})
        return rotation

    monkeypatch.setattr("appctld.jobs.publishers.remotes.judge_update", judge)
    with pytest.raises(PolicyDenied, match="modified meanwhile"):
        yard.apply(update)
    assert counts(yard) == {old}


def test_it_waits_for_a_job_that_deploys(
    yard: Rotating, names: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    old, _, new = names
    yard.trust("acme", old)
    update = yard.update(yard.statement(new), old, new)

    async def scenario() -> None:
        judged = asyncio.Event()

        async def judge(*given: Any) -> Rotation:  # noqa: ANN401 - passed on
            rotation = await judge_update(*given)
            judged.set()
            return rotation

        monkeypatch.setattr("appctld.jobs.publishers.remotes.judge_update", judge)
        async with yard.tools.gate.moving():
            rotating = asyncio.create_task(yard.book.rotate("acme", update))
            await judged.wait()
            await asyncio.sleep(0)
            assert not rotating.done()
            assert counts(yard) == {old}
        await rotating
        assert counts(yard) == {new}

    asyncio.run(scenario())
