# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What `appctl publish` asks its program, from what a person typed."""

import os
import sys
from pathlib import Path

import pytest

from appctl.actions.publishing.asked import let_gpg_ask
from appctl.actions.publishing.publish import _request
from appctl.commandline.parser import parse
from appctl.context import Context
from appctl.failure import Failure
from appctl.talk.wire import Json


def asked(*words: str) -> Json:
    return _request(Context(parse(["publish", *words])))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The caller's directory, with a directory `tree` in it."""
    (tmp_path / "tree").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    return tmp_path


def test_a_directory_that_is_there_is_meant_by_its_name(here: Path) -> None:
    assert asked("tree", "--to", "oci:out", "--as", "a.example/b:1")["source"] == {
        "directory": str(here / "tree"), "owner": {"uid": 0, "gid": 0}, "timestamp": -1, "version": "",
    }  # fmt: skip


def test_a_terminal_without_a_name_here_is_none_for_gpg(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of another container, say."""
    monkeypatch.delenv("GPG_TTY", raising=False)
    with Path(os.devnull).open(encoding="utf-8") as stdin:
        monkeypatch.setattr(stdin, "isatty", lambda: True, raising=False)
        monkeypatch.setattr(sys, "stdin", stdin)
        let_gpg_ask()
    assert "GPG_TTY" not in os.environ


def test_with_a_repository_a_commit_is_meant(here: Path) -> None:
    request = asked("tree", "--repo", "r", "--to", "oci:out")
    assert request["source"] == {"repo": str(here / "r"), "commit": "tree"}


def test_a_checksum_is_one_of_the_scopes_own_repository(here: Path) -> None:
    assert asked("--user", "0" * 64, "--to", "oci:out")["source"] == {
        "repo": str(here / "data/appctl/repo"), "commit": "0" * 64,
    }  # fmt: skip


def test_what_is_neither_is_an_app_that_must_be_installed(here: Path) -> None:
    with pytest.raises(Failure) as caught:
        asked("--user", "org.example.None", "--to", "oci:out")
    assert caught.value.name == "NotInstalled"


@pytest.mark.parametrize(("words", "chunked", "content"), [
    ([], False, ""),
    (["--chunked"], True, ""),
    (["--chunked="], True, ""),
    (["--chunked=map"], True, "map"),
])  # fmt: skip
def test_chunked_takes_what_is_behind_an_equals_sign_and_nothing_else(
    here: Path, words: list[str], content: str, *, chunked: bool
) -> None:
    request = asked(*words, "tree", "--to", "oci:out")
    assert (request["chunked"], request["map"]) == (chunked, content and str(here / content))


def test_at_a_registry_the_place_is_the_name_that_is_signed(here: Path) -> None:
    request = asked("tree", "--to", "docker://a.example/b:2", "--sign-gpg", "K", "--lookaside", "web")
    assert request["sign"] == {
        "identity": "a.example/b:2", "gpg": "K", "cosign": "", "lookaside": str(here / "web"),
    }  # fmt: skip
    other = asked(
        "tree", "--to", "docker://mirror.example/b:2", "--as", "a.example/b:2", "--sign-cosign", "k.pem"
    )
    assert other["sign"] == {
        "identity": "a.example/b:2", "gpg": "", "cosign": str(here / "k.pem"), "lookaside": "",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["x", "-1", "1.5", "9" * 13, "\u0661"])
def test_a_source_date_that_is_none_is_refused(
    here: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", text)
    with pytest.raises(Failure, match="SOURCE_DATE_EPOCH"):
        asked("tree", "--to", "oci:out")


@pytest.mark.parametrize("option", [
    ["--owner", "1"], ["--owner", "1:x"], ["--owner", "4294967295:0"], ["--label", "x"], ["--label", "=x"],
    ["--to", "nowhere"], ["--plain", "--flatpak"], ["--to", "docker://a.example"], ["--flatpak", "--chunked"],
    ["--flatpak", "--entrypoint", "x"], ["--flatpak", "--arch", "arm64"], ["other"],
])  # fmt: skip
def test_an_option_that_makes_no_sense_is_refused(here: Path, option: list[str]) -> None:
    with pytest.raises(Failure) as caught:
        asked("tree", "--to", "oci:out", *option)
    assert caught.value.name == "Usage"
