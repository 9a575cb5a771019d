# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What each setting of a remote means, its default, and which values are refused."""

import base64
from pathlib import Path

import pytest

from appctld.config.remote import Remote, check_name, make_remote
from appctld.config.repository import Repository
from appctld.config.urls import Prefix
from appctld.errors import Failed, InvalidReference

FINGERPRINT = "A9224799278A335FAF0F5956CEDCC28E78EBA748"
OTHER = "2EDE059432762767B7BD4C67647024864A4B5B7A"


def remote(**settings: str) -> Remote:
    """With `url`, and underscores for the hyphens of keys."""
    words = {"url": "quay.io/acme", **{key.replace("_", "-"): value for key, value in settings.items()}}
    return make_remote("acme", words, keyring=b"k", ca=None, origin=Path("/x/acme.conf"), writable=True)


def test_the_defaults_are_the_strict_ones() -> None:
    found = remote()
    assert (found.name, found.title, found.url) == ("acme", "acme", "quay.io/acme")
    assert (found.prefix, found.plain_http, found.insecure) == (Prefix("quay.io", "acme"), False, False)
    assert (found.enabled, found.share, found.strict, found.keep_blobs) == (True, True, False, False)
    assert (found.verify, found.identity, found.threshold, found.max_age) == ("gpg", "tag", 1, 0)
    assert (found.fingerprints, found.deny_keys, found.ids) == (frozenset(), frozenset(), ())
    assert (found.lookaside, found.auth_realm, found.ca) == (None, None, None)


def test_every_setting() -> None:
    found = remote(
        title="Acme Ltd",
        enabled="no",
        verify="digest",
        fingerprints=f"{FINGERPRINT.lower()}, {OTHER}",
        threshold="2",
        identity="repository",
        lookaside="http://sigs.acme.example/x/",
        auth_realm="https://auth.acme.example/token",
        insecure="yes",
        share="no",
        keep_blobs="yes",
        strict="yes",
        ids="org.acme.* org.acme-labs.Tool",
        deny_keys=OTHER,
    )
    assert (found.title, found.enabled, found.verify) == ("Acme Ltd", False, "digest")
    assert found.fingerprints == {FINGERPRINT, OTHER}
    assert (found.threshold, found.identity) == (2, "repository")
    assert found.lookaside == "http://sigs.acme.example/x"
    assert found.auth_realm == "https://auth.acme.example/token"
    assert (found.insecure, found.share, found.strict, found.keep_blobs) == (True, False, True, True)
    assert found.ids == ("org.acme.*", "org.acme-labs.Tool")
    assert found.deny_keys == {OTHER}


WRONG = [
    {"enabled": "true"},
    {"enabled": "Yes"},
    {"share": "1"},
    {"keep_blobs": "1"},
    {"strict": "on"},
    {"insecure": "maybe"},
    {"verify": "GPG"},
    {"verify": "gpg digest"},
    {"verify": "cosign+gpg"},
    {"identity": "any"},
    {"threshold": "0"},
    {"threshold": "-1"},
    {"threshold": "33"},
    {"threshold": "1.0"},
    {"threshold": "\u0662"},
    {"threshold": "2", "fingerprints": FINGERPRINT},
    {"fingerprints": FINGERPRINT[-16:]},
    {"fingerprints": "0x" + FINGERPRINT},
    {"fingerprints": ","},
    {"deny-keys": FINGERPRINT + "00"},
    {"deny-keys": ", ,"},
    {"ids": "org.acme.[ab]"},
    {"ids": "../x"},
    {"ids": ","},
    {"title": "x" * 201},
    {"lookaside": "sigs.acme.example"},
    {"lookaside": "http://sigs.acme.example"},
    {"auth-realm": "http://auth.acme.example"},
    {"url": "oci+http://quay.io/acme"},
    {"max-age": "30"},
    {"max-age": "0d"},
    {"max-age": "1w"},
    {"max-age": "-1d"},
    {"max-age": "1.5d"},
    {"max-age": "1d12h"},
    {"max-age": "100000d"},
    {"max-age": "\u0663d"},
    {"max-age": "30d", "verify": "digest"},
    {"max-age": "30d", "verify": "none"},
    {"no-such-key": "yes"},
]


@pytest.mark.parametrize("settings", WRONG, ids=str)
def test_a_wrong_value_is_an_error_that_names_its_key(settings: dict[str, str]) -> None:
    with pytest.raises(InvalidReference) as caught:
        remote(**settings)
    assert next(iter(settings)) in str(caught.value) or settings.get("url", "-") in str(caught.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90m", 5400), ("12h", 43_200), ("30d", 2_592_000), ("1m", 60), ("99999d", 8_639_913_600)],
)
def test_the_age_that_a_signature_may_have(text: str, seconds: int) -> None:
    assert remote(max_age=text).max_age == seconds


@pytest.mark.parametrize("verify", ["gpg", "cosign", "gpg+cosign", "digest", "none"])
def test_each_way_to_verify(verify: str) -> None:
    assert remote(verify=verify).verify == verify


def test_a_remote_needs_a_url() -> None:
    with pytest.raises(InvalidReference, match="url"):
        make_remote("acme", {}, keyring=None, ca=None, origin=Path("/x"), writable=True)


@pytest.mark.parametrize("name", ["a", "acme", "a-b_c9", "a" * 64])
def test_names(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "Acme", "9a", "-a", "_a", "a.b", "a/b", "..", "a:b", "a\n", "\u00e4", "a" * 65, "localhost"],
)
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(InvalidReference):
        check_name(name)


@pytest.mark.parametrize(
    ("ids", "app_id", "allowed"),
    [
        (None, "com.any.Thing", True),
        ("org.acme.*", "org.acme.Editor", True),
        ("org.acme.* org.other.App", "org.other.App", True),
        ("org.acme.*", "org.acmeevil.Editor", False),
        ("org.acme.Editor", "org.acme.Editor2", False),
        ("org.acme.Editor", "org.acme.editor", False),
    ],
)
def test_the_ids_a_remote_may_bring(ids: str | None, app_id: str, allowed: bool) -> None:  # noqa: FBT001
    assert (remote() if ids is None else remote(ids=ids)).allows(app_id) is allowed


def test_a_commit_in_an_image_may_have_to_be_signed_too() -> None:
    assert remote().verify_commit == remote(verify_commit="no").verify_commit == "no"
    assert remote(verify_commit="gpg").verify_commit == "gpg"
    assert remote(verify="cosign", verify_commit="gpg").verify_commit == "gpg"


@pytest.mark.parametrize("verify", ["digest", "none"])
def test_a_commit_must_be_signed_only_where_the_image_must(verify: str) -> None:
    """Else whoever serves it drops the label, and the same objects pass as a plain image."""
    with pytest.raises(InvalidReference, match=f"verify-commit=gpg: with verify={verify} "):
        remote(verify=verify, verify_commit="gpg")
    assert remote(verify=verify, verify_commit="no").verify == verify


@pytest.mark.parametrize("value", ["yes", "cosign", "ed25519", "GPG"])
def test_what_cannot_sign_a_commit_in_an_image(value: str) -> None:
    with pytest.raises(InvalidReference, match="verify-commit"):
        remote(verify_commit=value)


LAYOUT = "oci:/srv/images"


def test_a_directory_of_images_stands_for_a_name() -> None:
    found = remote(url=f"{LAYOUT}/", prefix="quay.io/acme")
    assert (found.kind, found.directory, found.prefix) == (
        "layout",
        Path("/srv/images"),
        Prefix("quay.io", "acme"),
    )
    assert found.covered == found.prefix
    assert remote(url=LAYOUT).prefix == Prefix("localhost", "acme")
    assert remote(url=LAYOUT, prefix="registry.corp:5000").prefix == Prefix("registry.corp:5000", "")
    assert (remote().directory, remote(url=OSTREE).directory) == (None, None)
    assert remote(url=LAYOUT, verify_commit="gpg", share="no", max_age="30d", ids="org.acme.*").share is False


def test_where_its_layers_came_from_is_told_by_directory_and_name() -> None:
    here = remote(url=LAYOUT, prefix="quay.io/acme")
    assert here.place == remote(url=f"{LAYOUT}/", prefix="quay.io/acme", title="x").place
    for other in (
        remote(url="oci:/srv/others", prefix="quay.io/acme"),
        remote(url=LAYOUT, prefix="quay.io/other"),
        remote(url="quay.io/acme"),
    ):
        assert other.place != here.place


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("lookaside", "https://sigs.acme.example"),
        ("auth-realm", "https://auth.acme.example"),
        ("insecure", "yes"),
        ("ca-file", "/etc/ca.pem"),
        ("collection", "org.acme.Apps"),
        ("ed25519-keys", "A" * 43 + "="),
    ],
)
def test_what_is_about_a_network_or_commits_means_nothing_to_a_directory(key: str, value: str) -> None:
    with pytest.raises(InvalidReference, match=f"'{key}' means nothing to a directory of images"):
        remote(url=LAYOUT, **{key: value})


def test_nor_do_certificates() -> None:
    with pytest.raises(InvalidReference, match="certificates mean nothing"):
        make_remote("acme", {"url": LAYOUT}, keyring=b"k", ca=b"c", origin=Path("/x"), writable=True)


@pytest.mark.parametrize("url", ["quay.io/acme", "ostree+https://dl.acme.example/repo"])
def test_only_the_images_of_a_directory_have_a_name_of_their_own(url: str) -> None:
    with pytest.raises(InvalidReference, match="'prefix' means nothing to"):
        remote(url=url, prefix="quay.io/other")


@pytest.mark.parametrize(
    "prefix", ["acme", "quay.io/Acme", "quay.io/acme:1", "https://quay.io/acme", "quay.io//x"]
)
def test_what_is_no_name_of_images(prefix: str) -> None:
    with pytest.raises(InvalidReference, match=f"'prefix={prefix}' is no registry"):
        remote(url=LAYOUT, prefix=prefix)


def test_an_ostree_repository_covers_no_image() -> None:
    with pytest.raises(Failed, match="has no images"):
        _ = remote(url=OSTREE).covered


OSTREE = "ostree+https://dl.acme.example/repo"
RAW = bytes(range(32))
ED25519 = base64.b64encode(RAW).decode()
OTHER_ED25519 = base64.b64encode(bytes(32)).decode()


def test_an_ostree_repository() -> None:
    found = remote(
        url=OSTREE, collection="org.acme.Apps", ed25519_keys=f"{ED25519} {ED25519} {OTHER_ED25519}"
    )
    assert (found.kind, remote().kind) == ("ostree", "oci")
    assert (found.prefix, found.url) == (Repository("https://dl.acme.example/repo"), OSTREE)
    assert (found.verify, found.collection, found.ed25519_keys) == ("gpg", "org.acme.Apps", (RAW, bytes(32)))
    assert (remote().collection, remote().ed25519_keys) == (None, ())
    assert remote(url="ostree+http://127.0.0.1:8080/x").plain_http


@pytest.mark.parametrize("verify", ["gpg", "ed25519", "gpg+ed25519", "none"])
def test_how_commits_are_verified(verify: str) -> None:
    assert remote(url=OSTREE, verify=verify).verify == verify
    if "ed25519" in verify:
        with pytest.raises(InvalidReference, match="verify"):
            remote(verify=verify)


@pytest.mark.parametrize("verify", ["digest", "cosign", "gpg+cosign"])
def test_what_is_about_images_verifies_no_commit(verify: str) -> None:
    with pytest.raises(InvalidReference, match="verify"):
        remote(url=OSTREE, verify=verify)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("lookaside", "https://sigs.acme.example"),
        ("auth-realm", "https://auth.acme.example"),
        ("insecure", "no"),
        ("share", "yes"),
        ("keep-blobs", "yes"),
        ("verify-commit", "gpg"),
    ],
)
def test_what_is_about_registries_means_nothing_to_a_repository(key: str, value: str) -> None:
    with pytest.raises(InvalidReference, match=f"'{key}' means nothing to an OSTree repository"):
        remote(url=OSTREE, **{key: value})


@pytest.mark.parametrize(("key", "value"), [("collection", "org.acme.Apps"), ("ed25519-keys", ED25519)])
def test_what_is_about_repositories_means_nothing_to_a_registry(key: str, value: str) -> None:
    with pytest.raises(InvalidReference, match=f"'{key}' means nothing to a registry"):
        remote(**{key: value})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("collection", "acme"),
        ("collection", "org.acme-apps.X"),
        ("collection", "org.1a"),
        ("collection", "a." + "b" * 255),
        ("ed25519-keys", ED25519[:-4]),
        ("ed25519-keys", base64.b64encode(bytes(64)).decode()),
        ("ed25519-keys", "x" + ED25519),
        ("ed25519-keys", ","),
        ("ed25519-keys", " ".join(base64.b64encode(bytes([number] * 32)).decode() for number in range(9))),
        ("threshold", "2"),
        ("url", "ostree+http://dl.acme.example/repo"),
        ("url", "ostree:relative"),
        ("max-age", "30d"),
    ],
)
def test_a_wrong_value_of_a_repository(key: str, value: str) -> None:
    words = {"url": OSTREE, "verify": "ed25519", "ed25519-keys": ED25519, key: value}
    with pytest.raises(InvalidReference) as caught:
        remote(**words)
    assert key in str(caught.value) or value in str(caught.value)


def test_cosign_keys_mean_nothing_to_a_repository() -> None:
    with pytest.raises(InvalidReference, match="cosign keys mean nothing"):
        make_remote(
            "acme",
            {"url": OSTREE},
            keyring=b"k",
            ca=None,
            origin=Path("/x"),
            writable=True,
            cosign_keys=b"k",
        )


def test_only_a_repository_is_one() -> None:
    assert remote(url=OSTREE).repository == Repository("https://dl.acme.example/repo")
    with pytest.raises(Failed, match="acme is no OSTree repository"):
        _ = remote().repository
