# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is written and pinned when keys of one kind, of the other, or of both are given."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from appctld.errors import InvalidReference
from appctld.jobs.publishers.remotes import RemoteBook
from appctld.jobs.reporting.observer import Nobody
from appctld.model.manifest import Platform
from appctld.pipeline.gate import Gate
from appctld.pipeline.tools import Tools
from appctld.scope import code_directories
from appctld.state.paths import Paths
from appctld.system.sandbox import Bubblewrap
from appctld.system.worker import Processes
from support.signatures.cosign import CosignKey
from support.signatures.keys import Keys

BOTH = {"url": "https://quay.io/acme", "verify": "gpg+cosign"}
ONE, TWO = CosignKey(), CosignKey("ed25519")


@pytest.fixture(scope="module")
def keys() -> Iterator[Keys]:
    with Keys() as found:
        yield found


@pytest.fixture(scope="module")
def gpg(keys: Keys) -> list[str]:
    return [keys.make("one"), keys.make("two")]


@pytest.fixture
def book(tmp_path: Path) -> RemoteBook:
    """With the real keyring worker."""
    paths = Paths(tmp_path / "state")
    paths.create()
    tools = Tools(
        Processes(), Bubblewrap(tuple(sorted(code_directories()))), paths, Platform("linux", "amd64"), Gate()
    )
    return RemoteBook([tmp_path / "remotes.d"], tools, Nobody)


def test_keys_of_both_kinds_are_pinned(book: RemoteBook, keys: Keys, gpg: list[str]) -> None:
    asyncio.run(book.add("acme", BOTH, keys.export(*gpg), cosign_keys=ONE.pem + b"\n" + TWO.pem))
    remote = book.get("acme")
    assert remote.fingerprints == {*gpg, ONE.fingerprint, TWO.fingerprint}
    assert remote.cosign_keys == ONE.pem + TWO.pem


def test_new_keys_of_one_kind_change_nothing_about_the_other(
    book: RemoteBook, keys: Keys, gpg: list[str]
) -> None:
    pinned = {**BOTH, "fingerprints": f"{gpg[0]} {ONE.fingerprint.lower()}"}
    asyncio.run(book.add("acme", pinned, keys.export(*gpg), cosign_keys=ONE.pem + TWO.pem))
    before = book.get("acme")
    assert before.fingerprints == {gpg[0], ONE.fingerprint}
    new = CosignKey()
    asyncio.run(book.modify("acme", {}, cosign_keys=new.pem))
    after = book.get("acme")
    assert after.fingerprints == {gpg[0], new.fingerprint}
    assert after.keyring == before.keyring
    asyncio.run(book.modify("acme", {}, keys.export(gpg[1])))
    assert book.get("acme").fingerprints == {gpg[1], new.fingerprint}
    assert book.get("acme").cosign_keys == new.pem


def test_what_was_not_pinned_is_not_pinned_by_the_other_kind(
    book: RemoteBook, keys: Keys, gpg: list[str], tmp_path: Path
) -> None:
    (tmp_path / "remotes.d").mkdir()
    (tmp_path / "remotes.d/acme.conf").write_text("[remote]\nurl = https://quay.io/acme\n")
    (tmp_path / "remotes.d/acme.gpg").write_bytes(keys.export(*gpg))
    asyncio.run(book.modify("acme", {"verify": "gpg+cosign"}, cosign_keys=ONE.pem))
    assert book.get("acme").fingerprints == {ONE.fingerprint}


def test_what_is_pinned_must_be_among_them(book: RemoteBook, keys: Keys, gpg: list[str]) -> None:
    asyncio.run(book.add("acme", BOTH, keys.export(gpg[0]), cosign_keys=ONE.pem))
    for wanted in (gpg[1], TWO.fingerprint):
        with pytest.raises(InvalidReference, match="none of these keys is"):
            asyncio.run(book.modify("acme", {"fingerprints": wanted}, cosign_keys=ONE.pem))
    asyncio.run(book.modify("acme", {"fingerprints": gpg[0]}, cosign_keys=TWO.pem))
    assert book.get("acme").fingerprints == {gpg[0]}


def test_naming_keys_of_one_kind_unpins_none_of_the_other(
    book: RemoteBook, keys: Keys, gpg: list[str]
) -> None:
    pinned = {**BOTH, "fingerprints": f"{gpg[0]} {ONE.fingerprint}"}
    asyncio.run(book.add("acme", pinned, keys.export(*gpg), cosign_keys=ONE.pem + TWO.pem))
    asyncio.run(book.modify("acme", {"fingerprints": TWO.fingerprint}, cosign_keys=ONE.pem + TWO.pem))
    assert book.get("acme").fingerprints == {gpg[0], TWO.fingerprint}
    asyncio.run(book.modify("acme", {"fingerprints": gpg[1]}, keys.export(*gpg)))
    assert book.get("acme").fingerprints == {gpg[1], TWO.fingerprint}


def test_who_names_pins_of_the_kind_that_stays_keeps_those_alone(
    book: RemoteBook, keys: Keys, gpg: list[str]
) -> None:
    asyncio.run(book.add("acme", BOTH, keys.export(*gpg), cosign_keys=ONE.pem))
    named = {"fingerprints": f"{gpg[0]} {TWO.fingerprint}"}
    asyncio.run(book.modify("acme", named, cosign_keys=TWO.pem))
    assert book.get("acme").fingerprints == {gpg[0], TWO.fingerprint}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (ONE.private_pem, "holds a private key"),
        (b"\x00", "is no file"),
        (CosignKey("p521").pem, "does not count"),
    ],
    ids=["private", "rubbish", "another curve"],
)
def test_only_public_keys_are_written(book: RemoteBook, given: bytes, words: str) -> None:
    settings = {"url": "https://quay.io/acme", "verify": "cosign"}
    with pytest.raises(InvalidReference, match=f"what is given as cosign keys .*{words}"):
        asyncio.run(book.add("acme", settings, None, cosign_keys=given))
    assert book.all() == []


def test_without_keys_nothing_is_pinned(book: RemoteBook) -> None:
    asyncio.run(book.add("acme", {"url": "https://quay.io/acme", "verify": "digest"}, None))
    asyncio.run(book.modify("acme", {"title": "Acme"}))
    assert book.get("acme").fingerprints == frozenset()
