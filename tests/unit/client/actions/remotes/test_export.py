# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl remote export`: what leaves, and that the daemon's own reader reads the same."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from appctl.__main__ import main
from appctld.config.publisherfile import parse_publisher_file
from appctld.config.store import RemoteStore
from appctld.jobs.publishers.introduction import introduce
from support.buses.fake_installer import FakeInstaller
from support.images.golden import FIXTURES

Capture = pytest.CaptureFixture[str]
GPG = (FIXTURES / "keys" / "publisher.gpg").read_bytes()
OTHER = (FIXTURES / "keys" / "other.gpg").read_bytes()
COSIGN = (FIXTURES / "keys" / "cosign.pub").read_bytes()
ACME = {"url": "quay.io/acme", "title": "Acme, Inc.", "lookaside": "https://sigs.acme.example"}


@pytest.fixture
def store(daemon: FakeInstaller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RemoteStore:
    """The user's own remotes.d."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return RemoteStore([tmp_path / "appctl/remotes.d"])


@pytest.fixture
def reads(daemon: FakeInstaller, store: RemoteStore) -> Callable[[bytes], None]:
    """Let the daemon answer as the real one would."""

    def answer(data: bytes) -> None:
        told = dict(introduce(data, store.load()))
        daemon.introduction = {key: told[key] for key in ("change", "remote", "untrusted")}

    return answer


@pytest.mark.parametrize(
    ("more", "gpg", "cosign", "verify"),
    [
        ({}, GPG, None, "gpg"),
        ({"verify": "cosign"}, None, COSIGN, "cosign"),
        ({"verify": "gpg+cosign", "ids": "org.acme.* org.b.*"}, GPG, COSIGN, "gpg+cosign"),
        ({"verify": "gpg"}, GPG, COSIGN, "gpg"),
    ],
)
def test_what_is_written_the_daemon_reads_as_the_same_publisher(
    more: dict[str, str], gpg: bytes | None, cosign: bytes | None, verify: str,
    daemon: FakeInstaller, store: RemoteStore, capsys: Capture,
) -> None:  # fmt: skip
    remote = store.add("acme", ACME | more, gpg, None, cosign)
    daemon.introduction = {"change": "none", "remote": "acme"}
    assert main(["remote", "export", "acme"]) == 0
    text = capsys.readouterr().out
    assert daemon.called("ResolveFile").body == (text.encode(),)
    found = parse_publisher_file(text.encode()).remote
    assert (found.name, found.prefix, found.title, found.lookaside, found.ids) == (
        "acme", remote.prefix, remote.title, remote.lookaside, remote.ids,
    )  # fmt: skip
    assert (found.verify, found.keyring) == (verify, gpg)
    assert found.cosign_keys == (cosign if "cosign" in verify else None)
    told = introduce(text.encode(), store.load())
    assert (told["change"], told["remote"], told["untrusted"]) == ("none", "acme", [])


def test_what_is_private_stays_and_what_cannot_be_said_is_named(
    daemon: FakeInstaller, store: RemoteStore, capsys: Capture
) -> None:
    ca = (FIXTURES / "ca.pem").read_bytes()
    store.add("acme", ACME | {"identity": "repository", "share": "no"}, GPG, ca)
    daemon.introduction = {"change": "none", "remote": "acme"}
    assert main(["remote", "export", "acme"]) == 0
    out, err = capsys.readouterr()
    assert "repository" not in out
    assert "not in the file: identity=repository\nnot in the file: its certificates\n" in err
    assert str(store.directories[0]) not in out


def test_a_key_that_does_not_count_here_is_brought_to_nobody(
    daemon: FakeInstaller, store: RemoteStore, reads: Callable[[bytes], None], capsys: Capture
) -> None:
    (pinned,) = introduce(_file(GPG), store.load())["settings"]["fingerprints"]  # type: ignore[index]
    (other,) = introduce(_file(OTHER), store.load())["settings"]["fingerprints"]  # type: ignore[index]
    store.add("acme", ACME | {"fingerprints": pinned}, GPG + OTHER)
    reads(_file(GPG + OTHER))
    assert main(["remote", "export", "acme"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert f"keys that it does not trust: {other}" in err


def _file(keyring: bytes) -> bytes:
    from base64 import b64encode  # noqa: PLC0415 - here alone

    key = b64encode(keyring).decode()
    return f"[Appctl Remote]\nVersion=1\nName=acme\nUrl=https://quay.io/acme\nGPGKey={key}\n".encode()


def test_what_no_file_can_say_is_refused(daemon: FakeInstaller, store: RemoteStore, capsys: Capture) -> None:
    store.add("acme", {"url": "oci+http://127.0.0.1:5000/acme", "verify": "none"}, None)
    daemon.errors["ResolveFile"] = ("InvalidReference", "Url: it begins with https://", "", {})
    assert main(["remote", "export", "acme"]) == 1
    assert "remote acme fits in no such file: Url" in capsys.readouterr().err


def test_a_file_is_written_once_and_never_over_another(
    daemon: FakeInstaller, store: RemoteStore, tmp_path: Path, capsys: Capture
) -> None:
    store.add("acme", ACME, GPG)
    daemon.introduction = {"change": "none", "remote": "acme"}
    place = tmp_path / "out.appctlremote"
    assert main(["remote", "export", "acme", str(place), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["text"] == place.read_text()
    place.write_text("mine")
    assert main(["remote", "export", "acme", str(place)]) == 64
    assert place.read_text() == "mine"


def test_a_remote_that_is_none_is_said(daemon: FakeInstaller, store: RemoteStore) -> None:
    assert main(["remote", "export", "nobody"]) == 3
    assert daemon.calls == []
