# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What the keyring worker makes of real keys, in-process and as the daemon starts it."""

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

import appctld
from appctld.errors import AppctlError, Failed, InvalidReference, LimitExceeded
from appctld.model.jsonvalue import JsonObject
from appctld.system.sandbox import Bubblewrap
from appctld.system.worker import Processes, Program
from appctld.trust.gpgv import open_blob
from appctld.trust.keys import read_keyring
from appctld.workers.keyring import importing
from appctld.workers.keyring.__main__ import HANDLERS
from appctld.workers.keyring.importing import KEYS_BYTES
from support.signatures.keys import Keys

FIXTURES = Path(__file__).parents[3] / "fixtures/keys"
PUBLISHER = "A9224799278A335FAF0F5956CEDCC28E78EBA748"
BOTH = (FIXTURES / "publisher.gpg").read_bytes() + (FIXTURES / "other.gpg").read_bytes()
OTHER = "2EDE059432762767B7BD4C67647024864A4B5B7A"


@pytest.fixture(scope="module")
def keys() -> Iterator[Keys]:
    with Keys() as found:
        yield found


def memory(data: bytes = b"") -> int:
    number = os.memfd_create("test")
    os.write(number, data)
    os.lseek(number, 0, os.SEEK_SET)
    return number


def imported(data: bytes) -> tuple[list[JsonObject], bytes]:
    """Key facts and the keyring, as the handler gives them."""
    kept = memory()
    try:
        request: JsonObject = {"op": "import", "fds": {"in": memory(data), "out": os.dup(kept)}}
        answer = HANDLERS["import"](request, lambda _facts: None)
        os.lseek(kept, 0, os.SEEK_SET)
        keys = answer["keys"]
        assert isinstance(keys, list)
        return [key for key in keys if isinstance(key, dict)], os.read(kept, 1 << 20)
    finally:
        os.close(kept)


def fingerprints(facts: list[JsonObject]) -> list[object]:
    return [key["fingerprint"] for key in facts]


def refused(kind: type[AppctlError], data: bytes) -> str:
    """The sentence; and not one byte of a keyring was written."""
    kept = memory()
    request: JsonObject = {"op": "import", "fds": {"in": memory(data), "out": os.dup(kept)}}
    with pytest.raises(kind) as caught:
        HANDLERS["import"](request, lambda _facts: None)
    assert os.fstat(kept).st_size == 0
    os.close(kept)
    return str(caught.value)


@pytest.mark.parametrize("name", ["publisher.asc", "publisher.gpg"])
def test_a_golden_key_is_imported_armored_or_not(name: str) -> None:
    (key,), keyring = imported((FIXTURES / name).read_bytes())
    assert key["fingerprint"] == PUBLISHER
    assert key["uids"] == ["publisher <publisher@example.org>"]
    assert (key["created"], key["expires"], key["revoked"]) == (1795521007, 0, False)
    assert [found.fingerprint for found in read_keyring(keyring)] == [PUBLISHER]


@pytest.mark.parametrize("extension", ["asc", "gpg"])
def test_several_keys_one_behind_the_other(extension: str) -> None:
    data = b"".join((FIXTURES / f"{name}.{extension}").read_bytes() for name in ("publisher", "other"))
    facts, keyring = imported(data)
    assert sorted(map(str, fingerprints(facts))) == sorted([PUBLISHER, OTHER])
    assert {found.fingerprint for found in read_keyring(keyring)} == {PUBLISHER, OTHER}


def test_gpgv_reads_what_comes_out(keys: Keys) -> None:
    primary = keys.make("Jürgen Größe")
    subkey = keys.add_subkey(primary)
    (key,), keyring = imported(keys.export(primary, armor=True))
    opened = asyncio.run(open_blob(keys.sign(b"text", subkey), keyring, Bubblewrap(())))
    assert opened.signature.primary == primary == key["fingerprint"]
    assert key["uids"] == [opened.signature.name] == ["Jürgen Größe <Jürgen Größe@example.org>"]


def test_expiry_and_revocation_are_told(keys: Keys) -> None:
    expired = keys.make("expired", expire="1d", at=1700000000)
    revoked = keys.make("revoked")
    keys.revoke(revoked)
    facts = {key["fingerprint"]: key for key in imported(keys.export(expired, revoked))[0]}
    assert (facts[expired]["created"], facts[expired]["expires"]) == (1700000000, 1700086400)
    assert (facts[expired]["revoked"], facts[revoked]["revoked"]) == (False, True)


def test_what_others_signed_is_dropped(keys: Keys) -> None:
    key, friend = keys.make("with-friends"), keys.make("friend")
    keys.gpg("--local-user", friend, "--quick-sign-key", key)
    data = keys.export(key)
    assert len(imported(data)[1]) < len(data)


@pytest.mark.parametrize("armor", [False, True])
def test_a_secret_key_is_refused(armor: bool, keys: Keys) -> None:  # noqa: FBT001
    key = keys.make(f"secret-{armor}")
    options = ("--armor",) if armor else ()
    data = keys.gpg(*options, "--export-secret-keys", key)
    assert "secret" in refused(InvalidReference, data)
    assert "secret" in refused(
        InvalidReference, (FIXTURES / "publisher.gpg").read_bytes() + keys.export_secret(key)
    )


def test_one_broken_key_refuses_all(keys: Keys) -> None:
    good, broken = (keys.export(keys.make(name)) for name in ("good", "broken"))
    assert broken[0] == 0x98  # a public key, of a length in one byte; then a user ID
    name_at = 2 + broken[1]
    without_signature = broken[: name_at + 2 + broken[name_at + 1]]
    refused(InvalidReference, without_signature)
    refused(InvalidReference, good + without_signature)


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n-----END PGP PUBLIC KEY BLOCK-----\n"],
)
def test_what_is_no_key_is_refused(data: bytes) -> None:
    refused(InvalidReference, data)


def test_a_signature_is_no_key(keys: Keys) -> None:
    refused(InvalidReference, keys.sign(b"text", keys.make("signer")))


def test_more_than_64_kib_is_refused() -> None:
    key = (FIXTURES / "publisher.gpg").read_bytes()
    assert "65536 bytes" in refused(LimitExceeded, key * (KEYS_BYTES // len(key) + 1))


def test_more_keys_than_a_publisher_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "KEYS", 1)
    refused(LimitExceeded, BOTH)


@pytest.mark.parametrize("written", [b"", (FIXTURES / "other.gpg").read_bytes()])
def test_a_gpg_that_writes_other_keys_than_it_read_is_not_believed(
    written: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gnupg.GPG.export_keys", lambda *_args, **_options: written)
    refused(Failed, BOTH)


def test_the_users_own_keyring_is_neither_read_nor_written(
    keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys.make("somebody-here")
    monkeypatch.setenv("GNUPGHOME", str(keys.home))
    facts, _ = imported((FIXTURES / "publisher.gpg").read_bytes())
    assert fingerprints(facts) == [PUBLISHER]
    assert PUBLISHER.encode() not in keys.gpg("--with-colons", "--list-keys")


def test_no_agent_is_started(keys: Keys) -> None:
    """An agent would take secret keys, and outlive the worker where no sandbox ends it."""
    with Keys() as empty:
        importing._gpg(empty.home).import_keys(keys.export_secret(keys.make("agentless")))
        found = {path.name for path in empty.home.iterdir()}
    assert "pubring.kbx" in found
    assert not {name for name in found if name.startswith("S.")}


def test_as_the_daemon_starts_it() -> None:
    """In the sandbox, where there is no network, no home, no /proc and an empty /tmp."""
    sandbox = Bubblewrap(tuple({Path(sys.prefix), Path(appctld.__path__[0]).parent}))
    program = Program("appctld.workers.keyring", sandbox.worker("appctld.workers.keyring"), 60)
    kept = memory()
    fds = {"in": memory((FIXTURES / "publisher.asc").read_bytes()), "out": os.dup(kept)}
    answer = asyncio.run(Processes().run(program, {"op": "import"}, lambda _facts: None, fds=fds))
    keyring = os.pread(kept, 1 << 20, 0)
    os.close(kept)
    assert [key.fingerprint for key in read_keyring(keyring)] == [PUBLISHER]
    assert str(answer).count(PUBLISHER) == 1


@pytest.mark.parametrize("what", ["returncode", "not_imported", "no_user_id"])
def test_each_way_in_which_gpg_says_that_a_key_is_broken_counts(what: str) -> None:
    said = {"sec_read": 0, "fingerprints": [PUBLISHER], "returncode": 0, "not_imported": 0, "no_user_id": 0}
    importing._check(SimpleNamespace(**said))
    with pytest.raises(InvalidReference, match="broken"):
        importing._check(SimpleNamespace(**(said | {what: 1})))


def test_a_gpg_that_is_not_there_is_our_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    refused(Failed, (FIXTURES / "publisher.gpg").read_bytes())
