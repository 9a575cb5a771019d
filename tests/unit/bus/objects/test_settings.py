# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""AddRemote's dictionary."""

import pytest

from appctld.bus.objects.settings import TEXT_BYTES, RemoteSettings
from appctld.bus.wire.variants import ArgumentError
from appctld.config.remotes import CA_BYTES, COSIGN_BYTES, KEYRING_BYTES
from appctld.errors import InvalidReference, LimitExceeded
from appctld.trust.keyset import UPDATE_BYTES

ARMORED = b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n"


def test_values_become_the_texts_of_a_file() -> None:
    asked = RemoteSettings.parse(
        {
            "url": "oci+https://a/b",
            "strict": True,
            "share": False,
            "threshold": 2,
            "ids": ["a.*", "b.*"],
            "ca": b"x",
        }
    )
    assert asked.texts == {
        "url": "oci+https://a/b",
        "strict": "yes",
        "share": "no",
        "threshold": "2",
        "ids": "a.* b.*",
    }
    assert (asked.keys, asked.ca) == (None, b"x")


@pytest.mark.parametrize(
    ("keys", "joined"),
    [
        ([], None),
        ([b"\x99a", b"\x99b"], b"\x99a\x99b"),
        ([ARMORED + b"a", ARMORED + b"b"], ARMORED + b"a\n" + ARMORED + b"b"),
    ],
)
def test_keys_become_one_stream(keys: list[bytes], joined: bytes | None) -> None:
    assert RemoteSettings.parse({"gpg-keys": keys}).keys == joined


def test_armored_and_binary_keys_do_not_mix() -> None:
    with pytest.raises(ArgumentError):
        RemoteSettings.parse({"gpg-keys": [ARMORED, b"\x99"]})


@pytest.mark.parametrize(
    "settings",
    [
        {"gpg-keys": [b"x" * KEYRING_BYTES, b"y"]},
        {"ca": b"x" * (CA_BYTES + 1)},
        {"cosign-keys": [b"x" * COSIGN_BYTES, b"y"]},
    ],
)
def test_keys_and_certificates_are_bounded(settings: dict[str, object]) -> None:
    with pytest.raises(LimitExceeded):
        RemoteSettings.parse(settings)


def test_texts_are_bounded() -> None:
    with pytest.raises(LimitExceeded):
        RemoteSettings.parse({f"key{number}": "x" * 1024 for number in range(TEXT_BYTES >> 10)})


def test_a_keyring_update_comes_alone() -> None:
    asked = RemoteSettings.parse({"keyring-update": b"x"})
    assert (asked.update, asked.texts, asked.keys) == (b"x", {}, None)
    assert RemoteSettings.parse({"title": "x"}).update is None
    for key, value in {"title": "x", "deny-keys": "", "gpg-keys": [b"\x99a"], "ca": b""}.items():
        with pytest.raises(InvalidReference, match="comes alone"):
            RemoteSettings.parse({"keyring-update": b"x", key: value})


def test_a_keyring_update_is_bounded() -> None:
    assert RemoteSettings.parse({"keyring-update": b"x" * UPDATE_BYTES}).update
    with pytest.raises(LimitExceeded):
        RemoteSettings.parse({"keyring-update": b"x" * (UPDATE_BYTES + 1)})


@pytest.mark.parametrize("title", ["two\nlines", "\x1b[31m", "a\0b"])
def test_a_setting_is_one_printable_line(title: str) -> None:
    with pytest.raises(ArgumentError):
        RemoteSettings.parse({"title": title})


def test_what_was_parsed_cannot_change() -> None:
    given: dict[str, object] = {"url": "oci+https://a/b"}
    asked = RemoteSettings.parse(given)
    given["url"] = "oci+https://evil/b"
    assert asked.texts["url"] == "oci+https://a/b"
    with pytest.raises(TypeError):
        asked.texts["url"] = "x"  # type: ignore[index]


def test_cosign_keys_stand_one_below_the_other() -> None:
    asked = RemoteSettings.parse({"cosign-keys": [b"one", b"two"], "title": "Acme"})
    assert (asked.cosign_keys, asked.keys, asked.texts) == (b"one\ntwo", None, {"title": "Acme"})
    assert RemoteSettings.parse({"cosign-keys": []}).cosign_keys is None


@pytest.mark.parametrize(
    ("given", "verify"),
    [
        ({}, None),
        ({"gpg-keys": [b"x"]}, None),
        ({"cosign-keys": [b"x"]}, "cosign"),
        ({"cosign-keys": [b"x"], "verify": ""}, "cosign"),
        ({"cosign-keys": [b"x"], "verify": "none"}, "none"),
        ({"cosign-keys": [b"x"], "gpg-keys": [b"x"], "verify": "gpg"}, "gpg"),
        ({"ed25519-keys": "x"}, "ed25519"),
        ({"ed25519-keys": ["x", "y"], "verify": "none"}, "none"),
        ({"ed25519-keys": "x", "gpg-keys": [b"x"], "verify": "gpg+ed25519"}, "gpg+ed25519"),
    ],
)
def test_the_keys_of_a_new_remote_say_how_it_is_verified(
    given: dict[str, object], verify: str | None
) -> None:
    assert RemoteSettings.parse(given).for_a_new_remote().texts.get("verify") == verify


def test_with_keys_of_both_kinds_somebody_must_say() -> None:
    for other in ({"cosign-keys": [b"x"]}, {"ed25519-keys": "x"}):
        both = RemoteSettings.parse({**other, "gpg-keys": [b"x"]})
        with pytest.raises(InvalidReference, match="say who must have signed"):
            both.for_a_new_remote()


def test_a_keyring_update_comes_without_cosign_keys() -> None:
    with pytest.raises(InvalidReference, match="alone"):
        RemoteSettings.parse({"keyring-update": b"x", "cosign-keys": [b"x"]})
