# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl remote`: what is sent, what a person must answer, and what is shown."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from appctl.__main__ import main
from support.commands import ACME
from support.fake_installer import FakeInstaller

Capture = pytest.CaptureFixture[str]
Answer = Callable[[str], None]


def test_remote_add_sends_keys_as_bytes_and_shows_what_is_trusted(
    daemon: FakeInstaller, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "key.asc").write_bytes(b"KEY\x00")
    daemon.remotes = [ACME]
    assert (
        main(
            [
                "remote",
                "add",
                "acme",
                "quay.io/acme",
                "--gpg-import",
                str(tmp_path / "key.asc"),
                "--lookaside",
                "https://sigs",
                "--set",
                "share=no",
            ]
        )
        == 0
    )
    name, settings = daemon.called("AddRemote").body
    assert (name, settings) == ("acme", {
        "url": ("s", "quay.io/acme"), "share": ("s", "no"), "lookaside": ("s", "https://sigs"),
        "gpg-keys": ("aay", [b"KEY\x00"]),
    })  # fmt: skip
    out = capsys.readouterr().out
    assert "Prefix:       oci+https://quay.io/acme" in out
    assert f"Trusts:       {'E' * 40}" in out
    assert "Verify:       gpg" in out


@pytest.mark.parametrize(
    "words", [["--verify", "none"], ["--set", "verify=none"], ["--set", "verify= NONE "]]
)
def test_to_go_without_verification_is_asked_of_a_person(
    words: list[str], daemon: FakeInstaller, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    daemon.remotes = [ACME]
    command = ["remote", "add", "acme", "quay.io/acme", "-y", *words]
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert main(command) == 64
    answer("\n")
    assert main(command) == 130
    answer("y\n")
    assert main([*command, "--noninteractive"]) == 64
    assert "AddRemote" not in [call.member for call in daemon.calls]
    answer("y\n")
    assert main(command) == 0
    answer("n\n")
    assert main(["remote", "modify", "acme", *words]) == 130


def test_remote_add_if_not_exists(daemon: FakeInstaller) -> None:
    daemon.remotes = [ACME]
    assert main(["remote", "add", "acme", "quay.io/acme", "--if-not-exists"]) == 0
    assert "AddRemote" not in [call.member for call in daemon.calls]


@pytest.mark.parametrize("content", [None, b"", b"x" * (65 << 10)])
def test_a_key_that_cannot_be_read_is_usage(
    content: bytes | None, daemon: FakeInstaller, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    assert main(["remote", "add", "acme", "quay.io/acme", "--gpg-import", str(tmp_path / "key")]) == 64
    assert main(["remote", "add", "acme", "quay.io/acme", "--set", "novalue"]) == 64
    assert "AddRemote" not in [call.member for call in daemon.calls]


def test_remotes_are_shown_changed_and_removed(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.remotes = [ACME]
    assert main(["remote", "list"]) == 0
    assert "oci+https://quay.io/acme" in capsys.readouterr().out
    assert main(["remote", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["fingerprints"] == ["E" * 40]
    assert main(["remote", "show", "acme"]) == 0
    assert "Identity:     tag" in capsys.readouterr().out
    for verify, trusted in (("gpg", "every key"), ("digest", "nobody"), ("none", "UNSIGNED")):
        daemon.remotes = [ACME | {"Verify": verify, "Fingerprints": []}]
        assert main(["remote", "show", "acme"]) == 0
        assert trusted in capsys.readouterr().out
    assert main(["remote", "show", "nobody"]) == 3
    assert main(["remote", "disable", "acme"]) == 0
    assert daemon.called("ModifyRemote").body == ("acme", {"enabled": ("s", "no")})
    assert main(["remote", "enable", "acme", "--json"]) == 0
    assert main(["remote", "modify", "acme"]) == 64
    assert main(["remote", "modify", "acme", "--title", "A"]) == 0
    assert main(["remote", "remove", "acme"]) == 0
    assert daemon.called("RemoveRemote").body == ("acme", {})
    daemon.errors["RemoveRemote"] = ("InUse", "apps are installed from it", "", {})
    assert main(["remote", "remove", "acme", "--json"]) == 1
