# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Changing remotes: what is refused, what is written, and in which order."""

import errno
import os
import threading
from functools import partial
from pathlib import Path

import pytest

from appctld.config import store as store_module
from appctld.config.lookup import Remotes
from appctld.config.remotes import COSIGN_BYTES, KEYRING_BYTES
from appctld.config.store import RemoteStore
from appctld.errors import (
    AppctlError,
    Conflict,
    Failed,
    InvalidReference,
    LimitExceeded,
    NoRemote,
    NoSpace,
    PolicyDenied,
)
from appctld.system import durable

CA = (Path(__file__).parents[2] / "fixtures/ca.pem").read_bytes()
SHIPPED_CA = CA + b"\n"
URL = {"url": "quay.io/acme"}
OSTREE = {"url": "ostree+https://dl.acme.example/repo"}
ED25519 = "A" * 43 + "="


@pytest.fixture
def store(tmp_path: Path) -> RemoteStore:
    """Its own directory is not there yet; the shipped one is."""
    (tmp_path / "usr").mkdir()
    return RemoteStore((tmp_path / "etc/remotes.d", tmp_path / "usr"))


def files(store: RemoteStore) -> dict[str, bytes]:
    directory = store.directories[0]
    return {path.name: path.read_bytes() for path in directory.iterdir()} if directory.is_dir() else {}


def ship(store: RemoteStore, name: str = "acme", url: str = "quay.io/acme") -> None:
    (store.directories[1] / f"{name}.conf").write_text(f"[remote]\nurl = {url}\ntitle = shipped\n")
    (store.directories[1] / f"{name}.gpg").write_bytes(b"shipped keys")
    (store.directories[1] / f"{name}.ca.pem").write_bytes(SHIPPED_CA)


def test_what_is_added_is_there(store: RemoteStore) -> None:
    added = store.add("acme", {**URL, "title": "Acme"}, b"keys", CA)
    assert store.load().get("acme") == added
    assert (added.keyring, added.ca, added.title, added.writable) == (b"keys", CA, "Acme", True)
    assert files(store) == {
        "acme.conf": b"[remote]\nurl = quay.io/acme\ntitle = Acme\n",
        "acme.gpg": b"keys",
        "acme.ca.pem": CA,
    }


@pytest.mark.parametrize("keyring", [None, b""])
@pytest.mark.parametrize(
    "settings",
    [
        URL,
        {**URL, "verify": "gpg"},
        OSTREE,
        {**OSTREE, "verify": "ed25519"},
        {**OSTREE, "verify": "gpg+ed25519", "ed25519-keys": ED25519},
    ],
)
def test_without_a_key_a_remote_is_refused(
    keyring: bytes | None, settings: dict[str, str], store: RemoteStore
) -> None:
    with pytest.raises(InvalidReference, match="needs the publisher's key"):
        store.add("acme", settings, keyring)
    assert files(store) == {}


@pytest.mark.parametrize("verify", ["digest", "none"])
def test_without_a_key_it_must_be_said_how_else(verify: str, store: RemoteStore) -> None:
    store.add("acme", {**URL, "verify": verify}, None)
    assert store.load().get("acme").verify == verify
    assert f"verify = {verify}".encode() in files(store)["acme.conf"]


COSIGN = {**URL, "verify": "cosign"}


def test_cosign_keys_are_a_file_of_their_own(store: RemoteStore) -> None:
    added = store.add("acme", COSIGN, None, cosign_keys=b"public")
    assert store.load().get("acme") == added
    assert (added.cosign_keys, added.keyring) == (b"public", None)
    assert files(store)["acme.cosign.pub"] == b"public"
    assert store.modify("acme", {"title": "Acme"}).cosign_keys == b"public"
    assert store.modify("acme", {}, cosign_keys=b"new").cosign_keys == b"new"
    store.remove("acme")
    assert files(store) == {}


@pytest.mark.parametrize(
    ("verify", "keyring", "cosign_keys", "word"),
    [
        ("cosign", b"keys", None, "cosign key"),
        ("cosign", b"keys", b"", "cosign key"),
        ("gpg+cosign", b"keys", None, "cosign key"),
        ("gpg+cosign", None, b"public", "publisher's key"),
        ("gpg", None, b"public", "publisher's key"),
    ],
)
def test_each_kind_of_signature_needs_a_key_of_its_kind(
    verify: str, keyring: bytes | None, cosign_keys: bytes | None, word: str, store: RemoteStore
) -> None:
    with pytest.raises(InvalidReference, match=f"needs the .*{word}; without one"):
        store.add("acme", {**URL, "verify": verify}, keyring, cosign_keys=cosign_keys)
    assert files(store) == {}


@pytest.mark.parametrize("keyring", [None, b""])
def test_a_commit_that_must_be_signed_needs_a_key_too(keyring: bytes | None, store: RemoteStore) -> None:
    asking = {**COSIGN, "verify-commit": "gpg"}
    with pytest.raises(InvalidReference, match="needs the publisher's key; without one"):
        store.add("acme", asking, keyring, cosign_keys=b"public")
    store.add("acme", COSIGN, keyring, cosign_keys=b"public")
    with pytest.raises(InvalidReference, match="needs the publisher's key; without one"):
        store.modify("acme", {"verify-commit": "gpg"})
    assert store.modify("acme", {"verify-commit": "gpg"}, b"keys").verify_commit == "gpg"


def test_who_asks_for_signed_commits_does_not_stop_asking_for_signed_images(store: RemoteStore) -> None:
    store.add("acme", {**URL, "verify-commit": "gpg"}, b"keys")
    before = files(store)
    for verify in ("digest", "none"):
        with pytest.raises(InvalidReference, match="verify-commit"):
            store.modify("acme", {"verify": verify})
    assert files(store) == before
    assert store.modify("acme", {"verify": "none", "verify-commit": ""}).verify_commit == "no"


def test_going_back_to_gpg_needs_a_key(store: RemoteStore) -> None:
    store.add("acme", {**URL, "verify": "none"}, None)
    before = files(store)
    for verify in ("gpg", ""):
        with pytest.raises(InvalidReference):
            store.modify("acme", {"verify": verify})
    assert files(store) == before
    assert store.modify("acme", {"verify": ""}, b"keys").verify == "gpg"


def test_no_remote_inherits_the_keys_of_an_earlier_one(store: RemoteStore) -> None:
    durable.make_directories(store.directories[0])
    for extension in ("gpg", "cosign.pub", "ca.pem"):
        (store.directories[0] / f"acme.{extension}").write_bytes(b"left over")
    for verify in ("gpg", "cosign", "gpg+cosign"):
        with pytest.raises(InvalidReference):
            store.add("acme", {**URL, "verify": verify}, None)
    added = store.add("acme", {**URL, "verify": "digest"}, None)
    assert (added.keyring, added.cosign_keys, added.ca) == (None, None, None)
    assert set(files(store)) == {"acme.conf"}


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({}, "acme"),
        ({"url": "oci:srv/images"}, "acme"),
        ({**OSTREE, "lookaside": "https://sigs.example.org/x"}, "acme"),
        ({**URL, "mirrors": "x"}, "acme"),
        ({**URL, "catalog": "x@y"}, "acme"),
        ({**URL, "gpg-keys": "x"}, "acme"),
        ({**URL, "title": "a\nverify = none"}, "acme"),
        ({**URL, "title": ""}, "acme"),
        (URL, "Acme"),
        (URL, "../acme"),
        (URL, "localhost"),
        ({**URL, "ca-file": "/etc/shadow"}, "acme"),
    ],
)
def test_wrong_words_change_nothing(settings: dict[str, str], name: str, store: RemoteStore) -> None:
    with pytest.raises(InvalidReference):
        store.add(name, settings, b"keys")
    assert files(store) == {}


def test_a_name_or_a_prefix_is_given_once(store: RemoteStore) -> None:
    ship(store, "shipped", "quay.io/shipped")
    store.add("acme", URL, b"keys")
    before = files(store)
    for name, url in (("acme", "quay.io/new"), ("new", "docker://quay.io/acme"), ("shipped", "quay.io/new")):
        with pytest.raises(Conflict):
            store.add(name, {"url": url}, b"other keys")
    with pytest.raises(Conflict):
        store.modify("acme", {"url": "quay.io/shipped"})
    assert files(store) == before


def test_keys_that_are_too_large_are_refused(store: RemoteStore) -> None:
    with pytest.raises(LimitExceeded):
        store.add("acme", URL, bytes(KEYRING_BYTES + 1))
    with pytest.raises(LimitExceeded):
        store.add("acme", URL, b"keys", bytes((1 << 20) + 1))
    with pytest.raises(LimitExceeded):
        store.add("acme", URL, b"keys", cosign_keys=bytes(COSIGN_BYTES + 1))
    assert files(store) == {}


def test_modify_changes_what_is_given_and_keeps_the_rest(store: RemoteStore) -> None:
    store.add("acme", {**URL, "title": "Acme", "strict": "yes"}, b"keys", CA)
    store.modify("acme", {"title": "New", "strict": "", "share": "no"})
    found = store.load().get("acme")
    assert (found.title, found.strict, found.share, found.url) == ("New", False, False, "quay.io/acme")
    assert (found.keyring, found.ca) == (b"keys", CA)


def test_modify_replaces_all_keys(store: RemoteStore) -> None:
    store.add("acme", URL, b"keys")
    store.modify("acme", {}, b"new keys")
    assert store.load().get("acme").keyring == b"new keys"


def test_modify_of_the_same_prefix_is_no_conflict(store: RemoteStore) -> None:
    store.add("acme", URL, b"keys")
    assert store.modify("acme", {"url": "https://quay.io/acme"}).url == "https://quay.io/acme"


def test_what_is_not_there_is_neither_modified_nor_removed(store: RemoteStore) -> None:
    with pytest.raises(NoRemote):
        store.modify("acme", {"title": "x"})
    with pytest.raises(NoRemote):
        store.remove("acme")


@pytest.mark.parametrize("data", [b"root:x:0:0", b"\xff", b"-----BEGIN PGP PUBLIC KEY BLOCK-----"])
def test_what_are_no_certificates_is_refused(data: bytes, store: RemoteStore) -> None:
    with pytest.raises(InvalidReference, match="PEM"):
        store.add("acme", URL, b"keys", data)
    assert files(store) == {}


def test_empty_certificates_take_them_away(store: RemoteStore) -> None:
    store.add("acme", URL, b"keys", CA)
    assert store.modify("acme", {}, None, b"").ca is None
    assert "acme.ca.pem" not in files(store)


def test_certificates_take_the_place_of_a_path(store: RemoteStore, tmp_path: Path) -> None:
    store.add("acme", URL, b"keys")
    pem = tmp_path / "corp.pem"
    pem.write_bytes(SHIPPED_CA)
    path = store.directories[0] / "acme.conf"
    path.write_text(f"[remote]\nurl = quay.io/acme\nca-file = {pem}\n")
    assert store.modify("acme", {"title": "x"}).ca == SHIPPED_CA
    assert store.load().get("acme").ca == SHIPPED_CA
    assert "acme.ca.pem" not in files(store)
    store.modify("acme", {}, None, CA)
    assert store.load().get("acme").ca == CA


def test_a_shipped_remote_is_overridden_whole(store: RemoteStore) -> None:
    ship(store)
    store.modify("acme", {"title": "ours"})
    found = store.load().get("acme")
    assert (found.enabled, found.title, found.writable) == (True, "ours", True)
    assert (found.keyring, found.ca) == (b"shipped keys", SHIPPED_CA)


@pytest.mark.parametrize("own", [{}, {"title": "ours"}])
def test_a_shipped_remote_that_was_switched_off_and_on_has_the_keys_that_are_shipped_later(
    own: dict[str, str], store: RemoteStore
) -> None:
    """Else the first `remote disable` would keep the keys of that day for ever."""
    ship(store)
    if own:
        store.modify("acme", own)
        store.modify("acme", {"title": "shipped"})  # and so nothing is ours any more
    off = store.modify("acme", {"enabled": "no"})
    assert files(store) == {"acme.conf": b"[remote]\nenabled = no\n"}
    assert (off.enabled, off.writable) == (False, True)
    (store.directories[1] / "acme.gpg").write_bytes(b"later keys")
    assert not store.load().get("acme").enabled
    on = store.modify("acme", {"enabled": "yes"})
    assert files(store) == {}
    assert (on.enabled, on.keyring, on.writable) == (True, b"later keys", False)
    assert store.load().get("acme") == on


def test_what_is_otherwise_than_shipped_stays_when_it_is_switched_off(store: RemoteStore) -> None:
    ship(store)
    store.modify("acme", {}, b"own keys")
    store.modify("acme", {"enabled": "no"})
    assert files(store)["acme.gpg"] == b"own keys"
    assert store.modify("acme", {"enabled": "yes"}).keyring == b"own keys"


def test_a_remote_that_is_shipped_switched_off_is_switched_on_by_a_file_of_ours(store: RemoteStore) -> None:
    ship(store)
    shipped = store.directories[1] / "acme.conf"
    shipped.write_text(f"{shipped.read_text()}enabled = no\n")
    assert store.modify("acme", {"enabled": "yes"}).enabled
    assert store.load().get("acme").keyring == b"shipped keys"
    assert set(files(store)) == {"acme.conf", "acme.gpg", "acme.ca.pem"}


def test_a_shipped_file_that_cannot_be_read_is_overridden_whole(store: RemoteStore) -> None:
    ship(store)
    store.modify("acme", {"title": "ours"})
    (store.directories[1] / "acme.conf").write_text("[broken")
    assert store.modify("acme", {"enabled": "no"}).title == "ours"
    assert set(files(store)) == {"acme.conf", "acme.gpg", "acme.ca.pem"}


def test_removing_leaves_nothing(store: RemoteStore) -> None:
    store.add("acme", URL, b"keys", CA)
    store.add("acme-two", {"url": "quay.io/two"}, b"keys")
    store.remove("acme")
    assert set(files(store)) == {"acme-two.conf", "acme-two.gpg"}


def test_a_broken_remote_can_be_removed(store: RemoteStore) -> None:
    store.add("acme", URL, b"keys")
    (store.directories[0] / "acme.conf").write_text("[broken")
    store.remove("acme")
    assert files(store) == {}


@pytest.mark.parametrize("overridden", [False, True])
def test_a_shipped_remote_is_not_removed_but_disabled(
    overridden: bool,  # noqa: FBT001
    store: RemoteStore,
) -> None:
    ship(store)
    if overridden:
        store.modify("acme", {"enabled": "no"})
    before = files(store)
    with pytest.raises(PolicyDenied, match="comes with this system"):
        store.remove("acme")
    assert files(store) == before


def test_a_name_that_leaves_the_directory_removes_nothing(store: RemoteStore, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/precious.conf").write_text("x")
    with pytest.raises(InvalidReference):
        store.remove("../precious")
    assert (tmp_path / "etc/precious.conf").exists()


def test_a_remotes_own_file_comes_last_and_goes_first(
    store: RemoteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever the power goes, a remote that is there has its own keys beside it."""
    order: list[str] = []
    for name in ("write_file", "remove_file"):
        real = getattr(durable, name)

        def spy(path: Path, *rest: object, _real: object = real) -> None:
            order.append(path.name)
            _real(path, *rest)  # type: ignore[operator]

        monkeypatch.setattr(durable, name, spy)
    store.add("acme", URL, b"keys", CA)
    assert order == ["acme.gpg", "acme.cosign.pub", "acme.ca.pem", "acme.conf"]
    order.clear()
    store.remove("acme")
    assert order == ["acme.conf", "acme.gpg", "acme.cosign.pub", "acme.ca.pem"]


def test_no_other_thread_reads_a_remote_that_is_changed_by_half(
    store: RemoteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads waits for `whole`; it is taken at every step of a change."""
    free: list[bool] = []
    steps = {name: getattr(durable, name) for name in ("write_file", "remove_file")}

    def try_it() -> None:
        free.append(store.whole.acquire(blocking=False))

    def looked(step: str, *args: object) -> None:
        thread = threading.Thread(target=try_it)
        thread.start()
        thread.join()
        steps[step](*args)

    for name in steps:
        monkeypatch.setattr(durable, name, partial(looked, name))
    store.add("acme", URL, b"keys", CA)
    store.modify("acme", {"title": "Acme"}, b"other keys")
    store.remove("acme")
    assert free == [False] * len(free)
    assert len(free) == 4 * 3
    try_it()
    assert free.pop()


def test_who_reads_takes_the_lock(store: RemoteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[bool] = []

    def load(_directories: object) -> Remotes:
        held.append(store.whole._is_owned())  # type: ignore[attr-defined]
        return Remotes([])

    monkeypatch.setattr(store_module, "load", load)
    store.load()
    assert held == [True]


@pytest.mark.parametrize(
    ("number", "leaf", "look"),
    [
        (errno.ENOSPC, NoSpace, "df -h {}"),
        (errno.EROFS, Failed, "findmnt -T {}"),
        (errno.EACCES, Failed, "may the daemon's user write there?"),
    ],
)
def test_what_cannot_be_written_is_told_with_where_and_changes_nothing(
    number: int, leaf: type[AppctlError], look: str, store: RemoteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_file: object) -> None:
        raise OSError(number, os.strerror(number))

    store.add("acme", URL, b"keys", CA)
    before = files(store)
    monkeypatch.setattr(durable, "write_file", refused)
    monkeypatch.setattr(durable, "remove_file", refused)
    for change in (partial(store.modify, "acme", {"title": "Acme"}), partial(store.remove, "acme")):
        with pytest.raises(leaf, match=f"acme.conf cannot be written: {os.strerror(number)}") as raised:
            change()
        assert type(raised.value) is leaf
        assert raised.value.advice == look.format(store.directories[0])
    assert files(store) == before
