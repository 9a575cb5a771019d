# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl permissions`: what is shown, who is asked to decide, what is written to the caller's own file."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from appctl.__main__ import main
from appctl.actions import permissions as actions
from appctl.running.grants.wishes import wish
from support.buses.commands import EDITOR
from support.buses.fake_installer import FakeInstaller

Capture = pytest.CaptureFixture[str]
ID = "org.acme.Editor"
NETWORK: dict[str, Any] = {
    "kind": "shared", "value": "network", "risk": "leaves the sandbox", "asked": True, "approved": True,
    "override": "", "by": ("u", 0), "when": 1_790_000_000,
}  # fmt: skip
HOME: dict[str, Any] = {
    "kind": "filesystems", "value": "home\u202e", "risk": "leaves the sandbox", "asked": False,
    "approved": False, "override": "allow", "by": ("u", 4_000_000_000), "when": 1_790_000_000,
}  # fmt: skip


@pytest.fixture
def editor(daemon: FakeInstaller, monkeypatch: pytest.MonkeyPatch) -> FakeInstaller:
    """An app of the user's own."""
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    daemon.apps = [EDITOR | {"scope": "user"}]
    daemon.permissions = [NETWORK, HOME]
    return daemon


@pytest.fixture
def machines(editor: FakeInstaller, monkeypatch: pytest.MonkeyPatch) -> FakeInstaller:
    """An app of the machine, whose bus is this one."""
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", os.environ["DBUS_SESSION_BUS_ADDRESS"])
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
    monkeypatch.setattr(actions, "_is_root", lambda: False)
    monkeypatch.delenv("APPCTL_SCOPE")
    editor.apps = [EDITOR]
    return editor


def own_file() -> Path:
    return Path(os.environ["HOME"], ".config/appctl/overrides", ID)


def asked(daemon: FakeInstaller) -> list[list[tuple[str, str, str]]]:
    """The overrides of every SetPermissions."""
    return [call.body[1] for call in daemon.calls if call.member == "SetPermissions"]


def test_what_was_asked_approved_and_overridden_and_by_whom(editor: FakeInstaller, capsys: Capture) -> None:
    assert main(["permissions", "editor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["Permission", "Asked", "Approved", "Override", "Counts", "By", "When"]
    assert lines[1].split()[:5] == ["shared=network", "yes", "yes", "yes", "root"]
    assert lines[2].split()[:6] == ["filesystems=home\\u202e", "no", "no", "allow", "yes", "4000000000"]
    assert asked(editor) == []


def test_an_app_that_asks_for_nothing(editor: FakeInstaller, capsys: Capture) -> None:
    editor.permissions = []
    assert main(["override", "editor"]) == 0
    assert capsys.readouterr().out == "org.acme.Editor 1.4 asks for nothing beyond its sandbox.\n"


@pytest.mark.parametrize(
    ("words", "after"),
    [
        (["--deny=network"], [("filesystems", "home\u202e", "allow"), ("shared", "network", "deny")]),
        (["--allow=~/x/:ro", "--deny", "shared=network"],
         [("filesystems", "home\u202e", "allow"), ("filesystems", "~/x:ro", "allow"),
          ("shared", "network", "deny")]),
        (["--deny=filesystems=home\u202e"], [("filesystems", "home\u202e", "deny")]),
        (["--reset"], []),
    ],
)  # fmt: skip
def test_changes_are_made_to_what_is_decided_already(
    words: list[str], after: list[tuple[str, str, str]], editor: FakeInstaller, capsys: Capture
) -> None:
    assert main(["permissions", "editor", *words, "--json"]) == 0
    assert asked(editor) == [after]
    document = json.loads(capsys.readouterr().out)
    assert (document["changed"], document["id"], len(document["permissions"])) == (True, ID, 2)
    assert not own_file().exists()


@pytest.mark.parametrize(
    "words",
    [["--allow=netwrok"], ["--deny="], ["--deny=shared="], ["--allow=x", "--deny=x"], ["--deny=x11/"],
     ["--allow=network", "--deny=shared=network"], ["--reset", "--deny=network"], ["--deny=../x"]],
)  # fmt: skip
def test_what_makes_no_sense_is_asked_of_nobody(words: list[str], editor: FakeInstaller) -> None:
    assert main(["permissions", "editor", *words]) == 64
    assert (asked(editor), own_file().exists()) == ([], False)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("network", ("shared", "network")),
        ("x11", ("sockets", "x11")),
        ("dri", ("devices", "dri")),
        ("bluetooth", ("features", "bluetooth")),
        ("~", ("filesystems", "home")),
        ("home", ("filesystems", "home")),
        ("filesystems=home/a//b/:rw", ("filesystems", "~/a/b")),
        ("/srv/:ro", ("filesystems", "/srv:ro")),
        ("xdg-documents", ("filesystems", "xdg-documents")),
        ("session-bus=org.a.B:talk", ("session-bus", "org.a.B:talk")),
    ],
)
def test_a_permission_is_typed_as_it_is_shown_or_as_the_one_word_that_it_is(
    text: str, word: tuple[str, str]
) -> None:
    assert wish(text) == word


def test_a_user_denies_an_app_of_the_machine_something_to_himself(
    machines: FakeInstaller, capsys: Capture
) -> None:
    machines.permissions = [NETWORK]
    assert main(["permissions", "editor", "--deny=network", "--deny=~/Private"]) == 0
    assert asked(machines) == []
    assert own_file().read_text().splitlines()[1:] == ["deny filesystems=~/Private", "deny shared=network"]
    assert [call.member for call in machines.calls].count("List") == 1, "which apps there are is the same"
    out, err = capsys.readouterr()
    assert "deny (yours)" in out
    assert "For you alone" in err
    assert main(["permissions", "editor", "--deny=ipc", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["changed"] is True
    assert len(own_file().read_text().splitlines()) == 4
    assert main(["permissions", "editor", "--reset", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["changed"] is True
    assert (own_file().exists(), asked(machines)) == (False, [])


@pytest.mark.parametrize(
    ("words", "root"),
    [(["--deny=network", "--system"], False), (["--deny=network"], True), (["--allow=network"], False),
     (["--reset", "--system"], False)],
)  # fmt: skip
def test_what_counts_for_all_is_the_daemons_to_decide(
    words: list[str],
    root: bool,  # noqa: FBT001
    machines: FakeInstaller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(actions, "_is_root", lambda: root)
    assert main(["permissions", "editor", *words]) == 0
    assert len(asked(machines)) == 1
    assert not own_file().exists()


def test_a_mode_cannot_be_denied(machines: FakeInstaller, capsys: Capture) -> None:
    assert main(["permissions", "editor", "--deny=home:ro"]) == 64
    assert not own_file().exists()


def test_a_link_to_where_the_file_is_kept_stays_one(machines: FakeInstaller, tmp_path: Path) -> None:
    own_file().parent.mkdir(parents=True)
    kept = tmp_path / "kept"
    kept.touch()
    own_file().symlink_to(kept)
    assert main(["permissions", "editor", "--deny=network"]) == 0
    assert own_file().is_symlink()
    assert "deny shared=network" in kept.read_text()


def test_a_broken_file_is_named_and_not_written_over(machines: FakeInstaller, capsys: Capture) -> None:
    own_file().parent.mkdir(parents=True)
    own_file().write_text("deny everything\n")
    assert main(["permissions", "editor", "--deny=network"]) == 1
    assert str(own_file()) in capsys.readouterr().err
    assert own_file().read_text() == "deny everything\n"


def test_what_the_daemon_cannot_read_any_more_is_reset_and_not_changed(
    editor: FakeInstaller, capsys: Capture
) -> None:
    editor.errors["GetPermissions"] = ("RepoCorrupt", "x.json cannot be read", "", {})
    assert main(["permissions", "editor", "--deny=network"]) == 1
    assert asked(editor) == []
    assert main(["permissions", "editor", "--reset"]) == 1, "it still cannot be read here"
    assert asked(editor) == [[]]


def test_who_may_not_is_told(editor: FakeInstaller, capsys: Capture) -> None:
    editor.errors["SetPermissions"] = ("NotAuthorized", "polkit does not allow approve", "", {})
    assert main(["permissions", "editor", "--deny=network"]) == 4
    assert "polkit does not allow approve" in capsys.readouterr().err


def test_info_says_what_is_overridden_and_what_is_not_known(editor: FakeInstaller, capsys: Capture) -> None:
    editor.permissions = [NETWORK, HOME]
    own_file().parent.mkdir(parents=True)
    own_file().write_text("deny shared=network\n")
    editor.apps = [EDITOR | {"scope": "user", "last-error": "RegistryAuth",
                             "update-permissions": ("a(sss)", [("shared", "ipc", "x")])}]  # fmt: skip
    assert main(["info", "editor"]) == 0
    lines = {line.split(":")[0].strip(): line for line in capsys.readouterr().out.splitlines()}
    assert "home\\u202e" in lines["Allowed"]
    assert lines["Denied by you"].endswith("network")
    assert "memory shared with your programs" in lines["It newly asks"]
    assert lines["Last error"].endswith("RegistryAuth")
    own_file().write_text("deny everything\n")
    assert main(["info", "editor"]) == 0
    assert "Overridden:" in capsys.readouterr().out


def test_what_is_denied_is_on_the_disk_before_it_gets_its_name(
    machines: FakeInstaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a power cut may leave an empty file, which denies nothing."""
    synced: list[tuple[int, bool]] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        fsync(descriptor)
        synced.append((os.fstat(descriptor).st_ino, own_file().exists()))

    monkeypatch.setattr(os, "fsync", noted)
    assert main(["permissions", "editor", "--deny", "network"]) == 0
    assert synced == [(own_file().stat().st_ino, False)]
