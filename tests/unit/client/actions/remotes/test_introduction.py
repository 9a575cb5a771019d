# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A publisher's file at the command line: what is shown, who must answer, and what is sent."""

import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from appctl.__main__ import main
from support.buses.commands import ACME, EDITOR, done, resolved
from support.buses.fake_installer import FakeInstaller, Script

Capture = pytest.CaptureFixture[str]
Answer = Callable[[str], None]
FINGERPRINT = "E24C" + "0" * 32 + "68BD"
SETTINGS: dict[str, Any] = {
    "url": "oci+https://quay.io/acme",
    "title": "Acme\u202e",
    "lookaside": "https://sigs.acme.example",
    "ids": ["org.acme.*"],
    "verify": "gpg",
    "fingerprints": [FINGERPRINT],
    "gpg-keys": ("aay", [b"\x99key"]),
}
FOUND: dict[str, Any] = {
    "name": "acme",
    "prefix": "quay.io/acme",
    "change": "add",
    "remote": "",
    "reference": "",
    "keys": [{"fingerprint": FINGERPRINT, "kind": "gpg", "names": ["Acme\x1b <rel@acme.example>"]}],
    "untrusted": [],
    "settings": SETTINGS,
    "homepage": "https://acme.example/",
}


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "acme.appctlremote"
    path.write_bytes(b"[Appctl Remote]\n")
    return str(path)


def test_a_person_sees_place_prefix_and_whole_fingerprints_before_anything_is_trusted(
    daemon: FakeInstaller, answer: Answer, file: str, capsys: Capture
) -> None:
    daemon.introduction = FOUND
    daemon.after["AddRemote"] = lambda: daemon.remotes.append(ACME)
    answer("y\n")
    assert main(["remote", "add", file]) == 0
    assert daemon.called("ResolveFile").body == (b"[Appctl Remote]\n",)
    name, settings = daemon.called("AddRemote").body
    assert name == "acme"
    assert settings["gpg-keys"] == ("aay", [b"\x99key"])
    assert settings["fingerprints"] == ("as", [FINGERPRINT])
    assert {key for key in settings if key not in SETTINGS} == set()
    out, err = capsys.readouterr()
    for shown in ("oci+https://quay.io/acme", "quay.io/acme", FINGERPRINT, "https://sigs.acme.example"):
        assert shown in err
    assert 'Acme\\x1b <rel@acme.example>"' in err
    assert "Acme\\u202e" in err
    assert "[y/N]" in err
    assert "Added remote acme." in out


@pytest.mark.parametrize("words", [["-y"], ["--noninteractive"], ["-y", "--noninteractive"]])
def test_nobody_but_a_person_answers(
    words: list[str], daemon: FakeInstaller, answer: Answer, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.introduction = FOUND
    if "--noninteractive" in words:
        answer("y\n")
    else:
        monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert main(["remote", "add", file, *words]) == 64
    assert "AddRemote" not in [call.member for call in daemon.calls]


@pytest.mark.parametrize("said", ["\n", "n\n", ""])
def test_no_is_the_answer_of_who_says_nothing(
    said: str, daemon: FakeInstaller, answer: Answer, file: str
) -> None:
    daemon.introduction = FOUND
    answer(said)
    assert main(["remote", "add", file]) == 130
    assert "AddRemote" not in [call.member for call in daemon.calls]


def test_settings_of_this_machine_go_along_and_those_of_the_file_stay(
    daemon: FakeInstaller, answer: Answer, file: str, tmp_path: Path
) -> None:
    daemon.introduction = FOUND
    daemon.remotes = [ACME]
    (tmp_path / "ca.pem").write_bytes(b"CA")
    answer("y\n")
    assert main(["remote", "add", file, "--ca-file", str(tmp_path / "ca.pem"), "--set", "strict=yes"]) == 0
    _, settings = daemon.called("AddRemote").body
    assert (settings["ca"], settings["strict"]) == (("ay", b"CA"), ("s", "yes"))


@pytest.mark.parametrize(
    "words",
    [
        ["--gpg-import", "KEY"],
        ["--cosign-key", "KEY"],
        ["--set", "url=quay.io/evil"],
        ["--set", "fingerprints=" + "A" * 40],
        ["--prefix", "quay.io/evil"],
    ],
)
def test_what_the_file_is_to_say_nobody_says_beside_it(
    words: list[str], daemon: FakeInstaller, answer: Answer, file: str, tmp_path: Path
) -> None:
    daemon.introduction = FOUND
    (tmp_path / "KEY").write_bytes(b"KEY")
    answer("y\n")
    given = [str(tmp_path / "KEY") if word == "KEY" else word for word in words]
    assert main(["remote", "add", file, *given]) == 64
    assert "AddRemote" not in [call.member for call in daemon.calls]


def test_going_without_verification_is_asked_beside_a_file_too(
    daemon: FakeInstaller, answer: Answer, file: str, capsys: Capture
) -> None:
    daemon.introduction = FOUND
    answer("n\n")
    assert main(["remote", "add", file, "--verify", "none"]) == 130
    assert "can then replace its apps" in capsys.readouterr().err


def test_a_publisher_who_is_trusted_already_is_nobodys_question(
    daemon: FakeInstaller, file: str, capsys: Capture
) -> None:
    daemon.remotes = [ACME]
    daemon.introduction = FOUND | {"change": "none", "remote": "acme", "name": "other"}
    assert main(["remote", "add", file, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["changed"], document["name"]) == (False, "acme")


def test_other_keys_are_a_conflict_and_no_question(
    daemon: FakeInstaller, answer: Answer, file: str, capsys: Capture
) -> None:
    answer("y\n")
    daemon.introduction = FOUND | {"change": "conflict", "remote": "acme", "untrusted": [FINGERPRINT]}
    assert main(["remote", "add", file]) == 1
    err = capsys.readouterr().err
    assert f"remote acme is there already, and does not trust {FINGERPRINT}" in err
    assert "hint: appctl help key-change" in err
    daemon.introduction = FOUND | {"change": "conflict", "remote": "acme", "prefix": "evil.example/acme"}
    assert main(["remote", "add", file]) == 1
    assert "it is not evil.example/acme" in capsys.readouterr().err
    assert not {"AddRemote", "ModifyRemote"} & {call.member for call in daemon.calls}


def test_a_change_that_this_client_does_not_know_is_none_that_it_makes(
    daemon: FakeInstaller, answer: Answer, file: str
) -> None:
    answer("y\n")
    daemon.introduction = FOUND | {"change": "replace", "remote": "acme"}
    assert main(["remote", "add", file]) == 1
    assert "AddRemote" not in [call.member for call in daemon.calls]


def test_an_address_is_fetched_by_the_daemon(daemon: FakeInstaller, answer: Answer) -> None:
    daemon.introduction = FOUND
    daemon.remotes = [ACME]
    daemon.scripts["Resolve"] = [Script({"State": "succeeded", "Result": {"file": "[Appctl Remote]\n"}})]
    answer("y\n")
    assert main(["remote", "add", "https://acme.example/a.appctlremote"]) == 0
    assert daemon.called("Resolve").body[0] == "https://acme.example/a.appctlremote"
    assert daemon.called("ResolveFile").body == (b"[Appctl Remote]\n",)
    assert daemon.called("AddRemote").body[0] == "acme"


def _directory(path: Path) -> None:
    path.mkdir()


def _huge(path: Path) -> None:
    path.write_bytes(b"#" * ((64 << 10) + 1))


@pytest.mark.parametrize("make", [lambda _path: None, os.mkfifo, _directory, _huge])
def test_a_file_that_is_none_is_usage_and_never_a_wait(
    make: Callable[[Path], None], daemon: FakeInstaller, tmp_path: Path
) -> None:
    make(tmp_path / "x.appctlremote")
    assert main(["remote", "add", str(tmp_path / "x.appctlremote")]) == 64
    assert main(["install", str(tmp_path / "x.appctlremote")]) == 64
    assert daemon.calls == []


@pytest.mark.parametrize("address", ["http://acme.example/a.appctlremote", "file:///a.appctlremote"])
def test_an_address_is_https(address: str, daemon: FakeInstaller) -> None:
    assert main(["remote", "add", address]) == 64
    assert daemon.calls == []


def test_a_name_without_a_place_is_usage(daemon: FakeInstaller, capsys: Capture) -> None:
    assert main(["remote", "add", "acme"]) == 64
    assert "FILE-OR-URL.appctlremote" in capsys.readouterr().err
    assert daemon.calls == []


def test_an_appctlref_is_trusted_first_and_then_installed(
    daemon: FakeInstaller, answer: Answer, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "editor.appctlref").write_bytes(b"[Appctl Remote]\n")
    daemon.introduction = FOUND | {"reference": "quay.io/acme/editor:latest"}
    daemon.scripts |= {"Resolve": [resolved()], "Install": [done(EDITOR)]}
    answer("y\n")
    assert main(["install", str(tmp_path / "editor.appctlref")]) == 130  # only the first was answered
    assert daemon.called("AddRemote").body[0] == "acme"
    assert daemon.called("Resolve").body[0] == "quay.io/acme/editor:latest"
    daemon.introduction |= {"change": "none", "remote": "acme"}
    daemon.scripts |= {"Resolve": [resolved()], "Install": [done(EDITOR)]}
    assert main(["install", "-y", str(tmp_path / "editor.appctlref")]) == 0
    assert daemon.called("Install").body[0] == ["quay.io/acme/editor:latest"]


def test_install_dash_y_trusts_nobody(daemon: FakeInstaller, tmp_path: Path) -> None:
    (tmp_path / "editor.appctlref").write_bytes(b"[Appctl Remote]\n")
    daemon.introduction = FOUND | {"reference": "quay.io/acme/editor:latest"}
    assert main(["install", "-y", str(tmp_path / "editor.appctlref")]) == 64
    assert main(["install", "--dry-run", str(tmp_path / "editor.appctlref")]) == 64
    assert {call.member for call in daemon.calls}.isdisjoint({"AddRemote", "Resolve", "Install"})


def test_a_file_that_names_no_app_installs_none(daemon: FakeInstaller, answer: Answer, file: str) -> None:
    daemon.introduction = FOUND
    answer("y\ny\n")
    assert main(["install", file]) == 64
    assert "AddRemote" not in [call.member for call in daemon.calls]
