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
from support.buses.commands import ACME
from support.buses.fake_installer import FakeInstaller

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
    assert f"Trusts:       {'E' * 40} (its key is not here)\n" in out
    assert "Verify:       gpg" in out


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("oci:/srv/images", "oci:/srv/images"),
        ("oci:images", "oci:{here}/images"),
        ("oci:../x", "oci:{above}/x"),
        ("oci:", "oci:"),
        ("oci+https://quay.io/acme", "oci+https://quay.io/acme"),
    ],
)
def test_a_directory_is_sent_as_it_is_called_from_everywhere(
    url: str, sent: str, daemon: FakeInstaller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.remotes = [ACME]
    monkeypatch.chdir(tmp_path)
    assert main(["remote", "add", "acme", url, "--prefix", "quay.io/acme"]) == 0
    _, settings = daemon.called("AddRemote").body
    expected = sent.format(here=tmp_path, above=tmp_path.parent)
    assert settings == {"url": ("s", expected), "prefix": ("s", "quay.io/acme")}


@pytest.mark.parametrize(
    "words", [["--verify", "none"], ["--set", "verify=none"], ["--set", "verify= none "]]
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
    for verify, trusted in (
        ("gpg", "Trusts:       nobody\n"),
        ("digest", "the digest that you name"),
        ("none", "nobody: UNSIGNED"),
    ):
        daemon.remotes = [ACME | {"Verify": verify, "Fingerprints": []}]
        assert main(["remote", "show", "acme"]) == 0
        assert trusted in capsys.readouterr().out
    assert main(["remote", "show", "nobody", "-v"]) == 3
    assert "error: NoRemote\n" in capsys.readouterr().err
    assert main(["remote", "disable", "acme"]) == 0
    assert daemon.called("ModifyRemote").body == ("acme", {"enabled": ("s", "no")})
    assert main(["remote", "enable", "acme", "--json"]) == 0
    assert main(["remote", "modify", "acme"]) == 64
    assert main(["remote", "modify", "acme", "--title", "A"]) == 0
    assert main(["remote", "remove", "acme"]) == 0
    assert daemon.called("RemoveRemote").body == ("acme", {})
    daemon.errors["RemoveRemote"] = ("InUse", "apps are installed from it", "", {})
    assert main(["remote", "remove", "acme", "--json"]) == 1


def test_a_setting_is_sent_as_it_was_judged(daemon: FakeInstaller) -> None:
    daemon.remotes = [ACME]
    assert main(["remote", "modify", "acme", "--set", " max-age = 30d "]) == 0
    assert daemon.called("ModifyRemote").body == ("acme", {"max-age": ("s", "30d")})


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("gpg-keys=x", "--gpg-import FILE"),
        (" gpg-keys =x", "--gpg-import FILE"),
        ("ca=/etc/x", "--ca-file FILE"),
        ("verify=NONE", "'NONE' is none of"),
        (" =x", "no KEY=VALUE"),
    ],
)
def test_what_set_cannot_say_is_refused_before_anything_is_asked(
    setting: str, said: str, daemon: FakeInstaller, answer: Answer, capsys: Capture
) -> None:
    answer("y\n")
    assert main(["remote", "add", "acme", "quay.io/acme", "--set", setting]) == 64
    err = capsys.readouterr().err
    assert said in err
    assert "Go on?" not in err
    assert main(["remote", "add", "acme", "quay.io/acme", "--verify", "NONE"]) == 64
    assert daemon.calls == []


@pytest.mark.parametrize(
    "words", [["modify", "acme", "--title", "x"], ["enable", "acme"], ["disable", "acme"], ["remove", "acme"]]
)
def test_a_remote_that_is_none_gets_the_list_of_those_that_are(
    words: list[str], daemon: FakeInstaller, capsys: Capture
) -> None:
    for member in ("ModifyRemote", "RemoveRemote"):
        daemon.errors[member] = ("NoRemote", "no remote covers it", "appctl remote add NAME URL", {})
    assert main(["remote", *words]) == 3
    assert capsys.readouterr().err == "error: there is no remote acme\nhint: appctl remote list\n"


def test_changed_is_what_is_other_than_before(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.remotes = [ACME]
    assert main(["remote", "enable", "acme"]) == 0
    assert capsys.readouterr().out.startswith("Remote acme is so already.\n")
    assert main(["remote", "enable", "acme", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["changed"] is False
    daemon.after["ModifyRemote"] = lambda: daemon.remotes.__setitem__(0, ACME | {"Enabled": False})
    assert main(["remote", "disable", "acme", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["changed"] is True


def test_new_keys_replace_the_old_ones_which_are_named(
    daemon: FakeInstaller, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "key.asc").write_bytes(b"KEY")
    command = ["remote", "modify", "acme", "--gpg-import", str(tmp_path / "key.asc")]
    daemon.remotes = [ACME | {"Fingerprints": ["E" * 40, "A" * 40]}]
    newer = ACME | {"Fingerprints": ["B" * 40, "A" * 40]}
    daemon.after["ModifyRemote"] = lambda: daemon.remotes.__setitem__(0, newer)
    assert main(command) == 0
    out = capsys.readouterr().out
    assert f"Modified remote acme.\n  No longer trusted: {'E' * 40}\n" in out
    absent = "(its key is not here)"
    assert f"Trusts:       {'B' * 40} {absent}\n                {'A' * 40} {absent}\n" in out
    assert main([*command, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["changed"] is True  # the file's content is not shown, and may be another
    assert "no_longer_trusted" not in document


def test_a_keyring_update_travels_as_bytes_and_what_it_changed_is_told(
    daemon: FakeInstaller, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "update").write_bytes(b"x" * (65 << 10))
    command = ["remote", "modify", "acme", "--keyring-update", str(tmp_path / "update")]
    daemon.remotes = [ACME]
    daemon.after["ModifyRemote"] = lambda: daemon.remotes.__setitem__(0, ACME | {"Fingerprints": ["B" * 40]})
    assert main(command) == 0
    assert daemon.called("ModifyRemote").body == ("acme", {"keyring-update": ("ay", b"x" * (65 << 10))})
    out = capsys.readouterr().out
    assert f"  No longer trusted: {'E' * 40}\n" in out
    assert f"Trusts:       {'B' * 40} (" in out


@pytest.mark.parametrize(
    "words", [["--title", "x"], ["--set", "deny-keys="], ["--verify", "gpg"], ["--gpg-import", "/dev/null"]]
)
def test_a_keyring_update_comes_alone(words: list[str], daemon: FakeInstaller, tmp_path: Path) -> None:
    (tmp_path / "update").write_bytes(b"x")
    assert main(["remote", "modify", "acme", "--keyring-update", str(tmp_path / "update"), *words]) == 64
    assert main(["remote", "modify", "acme", "--set", "keyring-update=x"]) == 64
    assert main(["remote", "add", "new", "quay.io/new", "--keyring-update", "x"]) == 64
    assert daemon.calls == []


@pytest.mark.parametrize("content", [b"", b"x" * ((1 << 20) + 1)])
def test_a_keyring_update_that_cannot_be_read_is_usage(
    content: bytes, daemon: FakeInstaller, tmp_path: Path
) -> None:
    (tmp_path / "update").write_bytes(content)
    assert main(["remote", "modify", "acme", "--keyring-update", str(tmp_path / "update")]) == 64
    assert daemon.calls == []


def test_cosign_keys_travel_as_bytes(daemon: FakeInstaller, tmp_path: Path) -> None:
    daemon.remotes = [ACME]
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(name.encode())
    given = ["--cosign-key", str(tmp_path / "one"), "--cosign-key", str(tmp_path / "two")]
    assert main(["remote", "add", "acme", "quay.io/acme", *given, "--verify", "gpg+cosign"]) == 0
    _, settings = daemon.called("AddRemote").body
    assert settings == {
        "url": ("s", "quay.io/acme"),
        "verify": ("s", "gpg+cosign"),
        "cosign-keys": ("aay", [b"one", b"two"]),
    }
    assert main(["remote", "modify", "acme", *given]) == 0
    assert daemon.called("ModifyRemote").body[1] == {"cosign-keys": ("aay", [b"one", b"two"])}
    assert main(["remote", "modify", "acme", "--set", "cosign-keys=x"]) == 64
    assert main(["remote", "modify", "acme", "--set", "verify=cosign"]) == 0


def test_a_key_that_is_denied_is_not_shown_as_trusted(daemon: FakeInstaller, capsys: Capture) -> None:
    settings = ACME["Settings"]
    assert isinstance(settings, dict)
    absent = f"{'A' * 40} (its key is not here)"
    for pinned, trusted in ((["E" * 40, "A" * 40], absent), (["E" * 40], "nobody")):
        daemon.remotes = [ACME | {"Fingerprints": pinned, "Settings": settings | {"deny-keys": ["E" * 40]}}]
        assert main(["remote", "show", "acme"]) == 0
        assert f"Trusts:       {trusted}\n" in capsys.readouterr().out


def test_ed25519_keys_travel_as_text(daemon: FakeInstaller, tmp_path: Path, capsys: Capture) -> None:
    url = "ostree+https://dl.acme.example/repo"
    settings = {"kind": "ostree", "collection": "org.acme.Apps", "ed25519-keys": ["0" * 64]}
    daemon.remotes = [ACME | {"Url": url, "Verify": "ed25519", "Fingerprints": [], "Settings": settings}]
    key = "A" * 43 + "="
    (tmp_path / "key").write_text(f"{key}\n{key}\n")
    given = ["--ed25519-key", str(tmp_path / "key"), "--collection", "org.acme.Apps"]
    assert main(["remote", "add", "acme", url, *given]) == 0
    assert daemon.called("AddRemote").body[1] == {
        "url": ("s", url),
        "collection": ("s", "org.acme.Apps"),
        "ed25519-keys": ("s", f"{key} {key}"),
    }
    out = capsys.readouterr().out
    assert f"Repository:   {url}" in out
    assert f"Trusts:       {'0' * 64} (ed25519: " in out
    assert "Ed25519-keys" not in out
    (tmp_path / "key").write_text("nonsense")
    assert main(["remote", "modify", "acme", *given]) == 64


def test_adding_tells_what_is_unlike_others_and_show_tells_all(
    daemon: FakeInstaller, tmp_path: Path, capsys: Capture
) -> None:
    settings = {"identity": "repository", "insecure": False, "share": True, "kind": "oci", "threshold": 2}
    daemon.remotes = [ACME | {"Settings": settings}]
    (tmp_path / "key").write_bytes(b"key")
    assert main(["remote", "add", "acme", "quay.io/acme", "--gpg-import", str(tmp_path / "key")]) == 0
    added = capsys.readouterr().out
    assert "  Identity:     repository\n" in added
    assert "  Threshold:    2\n" in added
    assert main(["remote", "show", "acme"]) == 0
    shown = capsys.readouterr().out
    for usual in ("Insecure:     no", "Share:        yes", "Kind:         oci", "Enabled:      yes"):
        assert usual in shown
        assert usual not in added
    daemon.remotes = [ACME | {"Settings": {}, "Enabled": False}]
    assert main(["remote", "disable", "acme"]) == 0
    assert "Enabled:      no" in capsys.readouterr().out


def test_standard_input_holds_one_key_and_stays_open(
    daemon: FakeInstaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    for more, told in (("--cosign-key", "- is empty"), ("--verify", "at a terminal")):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"key")))
        error = io.StringIO()
        monkeypatch.setattr("sys.stderr", error)
        last = "-" if more == "--cosign-key" else "none"
        assert main(["remote", "add", "x", "quay.io/acme", "--gpg-import", "-", more, last]) == 64
        assert told in error.getvalue()
    assert "AddRemote" not in [call.member for call in daemon.calls]


@pytest.mark.parametrize("words", [["modify", "x", "--title", "\udcff"], ["add", "x", "quay.io/\udcff"]])
def test_what_is_no_utf8_text_is_usage(daemon: FakeInstaller, words: list[str], capsys: Capture) -> None:
    assert main(["remote", *words, "--json"]) == 64
    assert json.loads(capsys.readouterr().out)["error"]["name"] == "Usage"
