# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A publisher's file beside the remotes that are here; its keys are real ones."""

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from appctld.bus.objects.settings import RemoteSettings
from appctld.config.lookup import Remotes
from appctld.config.remote import Remote, make_remote
from appctld.errors import InvalidReference, LimitExceeded
from appctld.jobs.publishers.introduction import introduce
from appctld.trust.keys import read_keyring
from support.images.golden import FIXTURES
from support.signatures.keys import Keys

GPG = (FIXTURES / "keys" / "publisher.gpg").read_bytes()
OTHER = (FIXTURES / "keys" / "other.gpg").read_bytes()
COSIGN = (FIXTURES / "keys" / "cosign.pub").read_bytes()
STRANGER = (FIXTURES / "keys" / "stranger.pub").read_bytes()
(FINGERPRINT,) = (key.fingerprint for key in read_keyring(GPG))
(OTHERS,) = (key.fingerprint for key in read_keyring(OTHER))


def offered(
    *, name: str | bytes = "acme", url: str | bytes = "https://quay.io/acme", **more: str | bytes
) -> bytes:
    """A publisher's file; bytes are keys."""
    values = {
        key: base64.b64encode(value).decode() if isinstance(value, bytes) else value
        for key, value in ({"Version": "1", "Name": name, "Url": url} | more).items()
    }
    return "\n".join(["[Appctl Remote]", *(f"{key}={value}" for key, value in values.items())]).encode()


def hyphened(settings: Mapping[str, str]) -> dict[str, str]:
    """Keys of a file."""
    return {key.replace("_", "-"): text for key, text in settings.items()}


def here(
    name: str = "acme", *, cosign: bytes | None = None, gpg: bytes | None = GPG, **settings: str
) -> Remote:
    """A remote that is trusted already."""
    return make_remote(
        name,
        {
            "url": "oci+https://quay.io/acme",
            **{key.replace("_", "-"): text for key, text in settings.items()},
        },
        keyring=gpg,
        ca=None,
        origin=Path(f"/etc/appctl/remotes.d/{name}.conf"),
        writable=True,
        cosign_keys=cosign,
    )


def test_a_new_publisher_is_told_with_whole_fingerprints_that_are_pinned() -> None:
    found = introduce(offered(GPGKey=GPG, CosignKey=COSIGN, Ids="org.acme.* org.b.*"), Remotes([]))
    assert (found["name"], found["prefix"], found["change"]) == ("acme", "quay.io/acme", "add")
    assert (found["remote"], found["untrusted"], found["reference"]) == ("", [], "")
    keys = found["keys"]
    assert isinstance(keys, list)
    assert [(key["kind"], len(key["fingerprint"])) for key in keys] == [("gpg", 40), ("cosign", 64)]
    assert keys[0]["fingerprint"] == FINGERPRINT
    assert keys[0]["names"]
    settings = found["settings"]
    assert isinstance(settings, Mapping)
    asked = RemoteSettings.parse(settings).for_a_new_remote()
    assert asked.texts["fingerprints"] == " ".join(key["fingerprint"] for key in keys)
    assert asked.texts["ids"] == "org.acme.* org.b.*"
    assert (asked.texts["verify"], asked.keys, asked.cosign_keys) == ("gpg+cosign", GPG, COSIGN)


KNOWN: dict[str, tuple[bytes, Remote, str, list[str]]] = {
    "the same": (offered(GPGKey=GPG), here(), "none", []),
    "the same under another name": (offered(name="other", GPGKey=GPG), here(), "none", []),
    "pinned": (offered(GPGKey=GPG), here(fingerprints=FINGERPRINT), "none", []),
    "other keys": (offered(GPGKey=OTHER), here(), "conflict", [OTHERS]),
    "other keys under another name": (offered(name="other", GPGKey=OTHER), here(), "conflict", [OTHERS]),
    "one more key": (offered(GPGKey=GPG + OTHER), here(), "conflict", [OTHERS]),
    "one key less": (offered(GPGKey=GPG), here(gpg=GPG + OTHER), "none", []),
    "a key that is not pinned": (
        offered(GPGKey=OTHER), here(gpg=GPG + OTHER, fingerprints=FINGERPRINT), "conflict", [OTHERS],
    ),
    "a key that is denied": (
        offered(GPGKey=GPG), here(deny_keys=FINGERPRINT), "conflict", [FINGERPRINT],
    ),
    "the name, but another place": (
        offered(url="https://evil.example/acme", GPGKey=GPG), here(), "conflict", [],
    ),
    "a wider place": (offered(name="other", url="https://quay.io", GPGKey=GPG), here(), "add", []),
    "nobody verifies": (offered(GPGKey=GPG), here(verify="none"), "conflict", [FINGERPRINT]),
    "a kind that does not count": (
        offered(GPGKey=GPG), here(verify="cosign", cosign=COSIGN), "conflict", [FINGERPRINT],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("data", "known", "change", "untrusted"), KNOWN.values(), ids=KNOWN.keys())
def test_no_file_changes_whom_a_remote_trusts(
    data: bytes, known: Remote, change: str, untrusted: list[str]
) -> None:
    found = introduce(data, Remotes([known]))
    assert (found["change"], found["untrusted"]) == (change, untrusted)
    assert found["remote"] == ("" if change == "add" else "acme")


def test_a_cosign_key_that_is_here_is_known() -> None:
    known = Remotes([here(gpg=None, verify="cosign", cosign=COSIGN)])
    assert introduce(offered(CosignKey=COSIGN), known)["change"] == "none"
    assert introduce(offered(CosignKey=STRANGER), known)["change"] == "conflict"


def test_an_app_of_a_repository_is_named_as_the_remote_is_called_here() -> None:
    data = offered(name="theirs", url="ostree+https://a.example/repo", GPGKey=GPG, Ref="app/x/stable")
    assert introduce(data, Remotes([]))["reference"] == "theirs:app/x/stable"
    known = here("ours", url="ostree+https://a.example/repo")
    assert introduce(data, Remotes([known]))["reference"] == "ours:app/x/stable"


@pytest.fixture
def keys() -> Iterator[Keys]:
    with Keys() as made:
        yield made


NO_KEYS = {
    "an armored key": ({"GPGKey": (FIXTURES / "keys" / "publisher.asc").read_bytes()}, "is armored"),
    "something": ({"GPGKey": b"\x99something"}, "GPGKey"),
    "a PEM for gpg": ({"GPGKey": COSIGN}, "is armored"),
    "a keyring for cosign": ({"CosignKey": GPG}, "CosignKey"),
    "a private cosign key": (
        {"CosignKey": b"-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n"},
        "holds a private key",
    ),
}


@pytest.mark.parametrize(("given", "why"), NO_KEYS.values(), ids=NO_KEYS.keys())
def test_what_is_no_public_key_is_refused_and_said(given: dict[str, bytes], why: str) -> None:
    with pytest.raises(InvalidReference, match="publisher's file") as raised:
        introduce(offered(**given), Remotes([]))
    assert why in str(raised.value)


def test_a_secret_key_is_refused_before_anybody_is_shown_a_fingerprint(keys: Keys) -> None:
    secret = keys.export_secret(keys.make("leaky"))
    with pytest.raises(InvalidReference, match="secret key"):
        introduce(offered(GPGKey=secret), Remotes([]))


def test_a_file_has_as_many_keys_as_a_person_may_compare() -> None:
    tiny = [b"\xc6\x02\x04" + bytes([number]) for number in range(65)]  # a packet each (RFC 4880, 4.2.2)
    assert introduce(offered(GPGKey=b"".join(tiny[:64])), Remotes([]))["change"] == "add"
    with pytest.raises(LimitExceeded, match="65 keys"):
        introduce(offered(GPGKey=b"".join(tiny)), Remotes([]))
