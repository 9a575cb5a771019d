# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl apply` against a daemon that answers as told: what is asked of it, and what is not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from appctl.__main__ import main
from support.buses.bus import ERROR
from support.buses.commands import ACME, EDITOR, PREVIEW, done, options_of, resolved
from support.buses.fake_installer import FakeInstaller, Script, failed

Capture = pytest.CaptureFixture[str]
Write = Callable[..., Path]
REFERENCE = EDITOR["reference"]
HASH = "a5" * 32
NONE: dict[str, Any] = {"permissions": ("a(sss)", []), "permissions-hash": "0" * 64}
ASKING = {"permissions-hash": HASH}
TOOL = {"id": "org.acme.Tool", "reference": "quay.io/acme/tool:1", "scope": "user"}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, *lines: str) -> Path:
        (tmp_path / f"{name}.conf").write_text("\n".join(["[app]", *lines, ""]))
        return tmp_path / f"{name}.conf"

    return write


def asked(daemon: FakeInstaller) -> list[str]:
    """Which methods of the Manager that change or fetch something were called."""
    wanted = {"Resolve", "Install", "Uninstall", "SetHold", "Update"}
    return [call.member for call in daemon.calls if call.member in wanted]


def document(capsys: Capture) -> Any:  # noqa: ANN401 - as JSON has it
    return json.loads(capsys.readouterr().out)


def test_what_is_missing_is_installed_as_it_was_shown(
    daemon: FakeInstaller, tmp_path: Path, write: Write, capsys: Capture
) -> None:
    file = write("editor", f"ref={REFERENCE}")
    daemon.scripts = {"Resolve": [resolved(**NONE)], "Install": [done(EDITOR)]}
    assert main(["apply", str(tmp_path), "--json"]) == 0
    assert options_of(daemon, "Install") == {"expected-digest": PREVIEW["image-digest"]}
    assert document(capsys) == {
        "changed": True,
        "dry_run": False,
        "apps": [
            {
                "file": str(file),
                "reference": REFERENCE,
                "id": EDITOR["id"],
                "actions": ["install"],
                "changed": True,
            }
        ],
        "removed": [],
        "errors": [],
    }


@pytest.mark.parametrize("spelled", [REFERENCE, "quay.io/acme/editor", "acme/editor", "acme/editor:latest"])
def test_what_is_there_is_left_alone_and_no_registry_is_asked(
    spelled: str, daemon: FakeInstaller, tmp_path: Path, write: Write, capsys: Capture
) -> None:
    write("editor", f"ref={spelled}")
    daemon.remotes, daemon.apps = [ACME], [EDITOR]
    assert main(["apply", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "Everything is as the files say.\n"
    assert asked(daemon) == []


def test_what_is_there_under_another_spelling_is_left_alone_too(
    daemon: FakeInstaller, tmp_path: Path, write: Write, capsys: Capture
) -> None:
    write("editor", "ref=docker.io/acme/editor")
    daemon.scripts["Resolve"] = [resolved(change="none")]
    assert main(["apply", str(tmp_path), "--json"]) == 0
    assert document(capsys)["changed"] is False
    assert asked(daemon) == ["Resolve"]


def test_permissions_need_their_hash_which_is_named(
    daemon: FakeInstaller, tmp_path: Path, write: Write, capsys: Capture
) -> None:
    file = write("editor", f"ref={REFERENCE}")
    write("tool", f"ref={TOOL['reference']}")
    daemon.scripts = {"Resolve": [resolved(**ASKING), resolved(**TOOL, **NONE)], "Install": [done(TOOL)]}
    assert main(["apply", str(tmp_path)]) == 6
    out, err = capsys.readouterr()
    assert "shared=network" in err
    assert str(file) in err
    assert f"hint: permissions-hash={HASH}" in err
    assert daemon.called("Install").body[0] == [TOOL["reference"]]
    assert "Installed org.acme.Tool" in out


@pytest.mark.parametrize(("given", "code"), [(HASH, 0), ("b" * 64, 6)])
def test_the_hash_of_exactly_these_permissions_approves_them(
    given: str, code: int, daemon: FakeInstaller, tmp_path: Path, write: Write
) -> None:
    write("editor", f"ref={REFERENCE}", f"permissions-hash={given}")
    daemon.scripts = {"Resolve": [resolved(**ASKING)], "Install": [done(EDITOR)]}
    assert main(["apply", str(tmp_path)]) == code
    assert asked(daemon) == (["Resolve", "Install"] if code == 0 else ["Resolve"])
    if code == 0:
        assert options_of(daemon, "Install")["accept-permissions"] == HASH


def test_what_only_the_daemon_learns_is_named_too(
    daemon: FakeInstaller, tmp_path: Path, write: Write, capsys: Capture
) -> None:
    """A file in the image that no label shows, and what of an update is new."""
    write("editor", f"ref={REFERENCE}", f"permissions-hash={'b' * 64}")
    details = {
        "permissions-hash": HASH,
        "permissions": ["shared=network"],
        "asked": ["shared=network", "x=y"],
    }
    refused = Script(
        {"State": "needs-approval", "ErrorName": f"{ERROR}NeedsApproval", "ErrorDetails": details}
    )
    daemon.scripts = {"Resolve": [resolved(**NONE)], "Install": [refused]}
    assert main(["apply", str(tmp_path)]) == 6
    err = capsys.readouterr().err
    assert "asks for shared=network, x=y, which" in err
    assert f"hint: permissions-hash={HASH}" in err


def test_a_hash_that_is_not_the_installed_sets_approves_an_update(
    daemon: FakeInstaller, tmp_path: Path, write: Write, capsys: Capture
) -> None:
    write("editor", f"ref={REFERENCE}", f"permissions-hash={HASH}")
    daemon.apps = [EDITOR | {"permissions-hash": "0" * 64}]
    daemon.scripts = {"Resolve": [resolved(**ASKING, change="update")], "Install": [done(EDITOR)]}
    assert main(["apply", str(tmp_path)]) == 0
    assert "Updated org.acme.Editor 1.4." in capsys.readouterr().out
    daemon.apps = [EDITOR | {"permissions-hash": HASH}]
    daemon.calls.clear()
    assert main(["apply", str(tmp_path)]) == 0
    assert asked(daemon) == []


@pytest.mark.parametrize("prune", [[], ["--prune"]])
def test_a_dry_run_only_says_it(
    prune: list[str], daemon: FakeInstaller, tmp_path: Path, write: Write, capsys: Capture
) -> None:
    write("editor", f"ref={REFERENCE}")
    daemon.apps = [TOOL]
    daemon.scripts["Resolve"] = [resolved(**NONE), resolved(**NONE)]
    assert main(["apply", "--dry-run", str(tmp_path), *prune]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"Would install org.acme.Editor ({REFERENCE})."
    assert lines[1:] == (["Would remove org.acme.Tool, which no file names."] if prune else [])
    assert main(["apply", "--dry-run", str(tmp_path), "--json", *prune]) == 0
    told = document(capsys)
    assert (told["changed"], told["dry_run"]) == (False, True)
    assert (told["apps"][0]["actions"], told["apps"][0]["changed"]) == (["install"], False)
    assert told["removed"] == (["org.acme.Tool"] if prune else [])
    assert set(asked(daemon)) == {"Resolve"}


def test_all_are_tried_and_the_exit_is_the_first_failures(
    daemon: FakeInstaller, tmp_path: Path, write: Write, capsys: Capture
) -> None:
    for name in ("a", "b", "c", "d"):
        write(name, f"ref=quay.io/acme/{name}:1")
    previews = [resolved(id=f"org.acme.{name}", **NONE) for name in "acd"]
    daemon.scripts = {
        "Resolve": [previews[0], failed("UntrustedSigner", "b is not trusted"), *previews[1:]],
        "Install": [failed("NoSpace", "a is large"), done(EDITOR | {"id": "org.acme.c"}), done(TOOL)],
    }
    assert main(["apply", str(tmp_path)]) == 7
    assert [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")] == [
        "error: a is large",
        "error: b is not trusted",
    ]
    assert asked(daemon).count("Install") == 3


@pytest.mark.parametrize("name", ["InvalidReference", "Cancelled"])
def test_a_reference_that_is_none_changes_nothing_at_all(
    name: str, daemon: FakeInstaller, tmp_path: Path, write: Write
) -> None:
    write("a", "ref=quay.io/acme/a:1")
    write("b", "ref=quay.io/acme/B:1")
    daemon.scripts["Resolve"] = [resolved(**NONE), failed(name)]
    assert main(["apply", str(tmp_path)]) == {"InvalidReference": 64, "Cancelled": 130}[name]
    assert asked(daemon) == ["Resolve", "Resolve"]


def test_two_files_that_mean_one_app_change_nothing(
    daemon: FakeInstaller, tmp_path: Path, write: Write, capsys: Capture
) -> None:
    write("a", "ref=quay.io/acme/editor:1")
    write("b", f"ref={REFERENCE}")
    daemon.apps = [EDITOR]
    daemon.scripts["Resolve"] = [resolved(**NONE, change="update")]
    assert main(["apply", str(tmp_path)]) == 64
    assert asked(daemon) == ["Resolve"]
    assert f"b.conf: the app={EDITOR['id']} stands in {tmp_path / 'a.conf'} too" in capsys.readouterr().err


def test_a_cancel_ends_all_of_it(daemon: FakeInstaller, tmp_path: Path, write: Write) -> None:
    for name in ("a", "b"):
        write(name, f"ref=quay.io/acme/{name}:1")
    daemon.apps = [TOOL]
    daemon.scripts = {
        "Resolve": [resolved(id=f"org.acme.{name}", **NONE) for name in "ab"],
        "Install": [failed("Cancelled")],
    }
    assert main(["apply", str(tmp_path), "--prune"]) == 130
    assert asked(daemon) == ["Resolve", "Resolve", "Install"]


# --- --prune


def test_prune_removes_what_no_file_names_and_says_so(
    daemon: FakeInstaller, tmp_path: Path, write: Write, capsys: Capture
) -> None:
    write("editor", f"ref={REFERENCE}")
    daemon.apps = [EDITOR, TOOL, {"id": "org.acme.Platform._45", "kind": "runtime", "reference": "x/y:1"}]
    daemon.scripts["Uninstall"] = [done(TOOL)]
    assert main(["apply", str(tmp_path), "--prune"]) == 0
    assert daemon.called("Uninstall").body[0] == ["org.acme.Tool"]
    assert capsys.readouterr().out == "Removed org.acme.Tool, which no file names.\n"


def test_without_prune_nothing_is_removed(daemon: FakeInstaller, tmp_path: Path, write: Write) -> None:
    write("editor", f"ref={REFERENCE}")
    daemon.apps = [EDITOR, TOOL]
    assert main(["apply", str(tmp_path)]) == 0
    assert asked(daemon) == []


def test_prune_removes_nothing_while_a_files_app_is_not_known(
    daemon: FakeInstaller, tmp_path: Path, write: Write, capsys: Capture
) -> None:
    """The file may mean the very app that no file seems to name."""
    write("tool", "ref=quay.io/acme/tool:2")
    daemon.apps = [TOOL]
    daemon.scripts["Resolve"] = [failed("RegistryUnavailable", "it does not answer")]
    assert main(["apply", str(tmp_path), "--prune"]) == 75
    assert asked(daemon) == ["Resolve"]
    assert "Nothing is removed: which app" in capsys.readouterr().err


def test_prune_without_a_single_file_is_refused(
    daemon: FakeInstaller, tmp_path: Path, capsys: Capture
) -> None:
    daemon.apps = [TOOL]
    assert main(["apply", str(tmp_path), "--prune"]) == 64
    assert main(["apply", "--prune"]) == 64
    assert asked(daemon) == []
    assert main(["apply"]) == 0
    assert "Everything is as the files say." in capsys.readouterr().out


def test_what_cannot_be_removed_is_said(
    daemon: FakeInstaller, tmp_path: Path, write: Write, capsys: Capture
) -> None:
    write("editor", f"ref={REFERENCE}")
    daemon.apps = [EDITOR, TOOL]
    daemon.scripts["Uninstall"] = [failed("InUse", "it runs")]
    assert main(["apply", str(tmp_path), "--prune"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "it runs" in err


# --- as=


def test_an_id_of_its_own_is_asked_for_and_looked_for(
    daemon: FakeInstaller, tmp_path: Path, write: Write
) -> None:
    write("two", f"ref={REFERENCE}", "as=org.acme.Two")
    daemon.apps = [EDITOR]  # under its own ID, which is not the one
    daemon.scripts = {"Resolve": [resolved(**NONE, id="org.acme.Two")], "Install": [done(EDITOR)]}
    assert main(["apply", str(tmp_path)]) == 0
    assert options_of(daemon, "Resolve")["as-id"] == "org.acme.Two"
    assert options_of(daemon, "Install")["as-id"] == "org.acme.Two"
    daemon.apps = [EDITOR, EDITOR | {"id": "org.acme.Two"}]
    daemon.calls.clear()
    assert main(["apply", str(tmp_path)]) == 0
    assert asked(daemon) == []


# --- hold=


@pytest.mark.parametrize(
    ("said", "is_held", "call"),
    [("yes", False, True), ("yes", True, None), ("no", True, False), ("no", False, None), ("", True, None)],
)
def test_an_app_is_held_as_its_file_says(
    said: str,
    is_held: bool,  # noqa: FBT001 - a row
    call: bool | None,  # noqa: FBT001 - as above
    daemon: FakeInstaller,
    tmp_path: Path,
    write: Write,
    capsys: Capture,
) -> None:
    write("editor", f"ref={REFERENCE}", *([f"hold={said}"] if said else []))
    daemon.apps = [EDITOR | {"held": is_held}]
    assert main(["apply", str(tmp_path), "--json"]) == 0
    calls = [found.body for found in daemon.calls if found.member == "SetHold"]
    assert calls == ([] if call is None else [(EDITOR["id"], call)])
    assert document(capsys)["changed"] is (call is not None)


def test_what_is_installed_now_is_held_behind_it(daemon: FakeInstaller, tmp_path: Path, write: Write) -> None:
    write("editor", f"ref={REFERENCE}", "hold=yes")
    daemon.scripts = {"Resolve": [resolved(**NONE)], "Install": [done(EDITOR)]}
    assert main(["apply", str(tmp_path)]) == 0
    assert asked(daemon) == ["Resolve", "Install", "SetHold"]


def test_what_could_not_be_installed_is_not_held(daemon: FakeInstaller, tmp_path: Path, write: Write) -> None:
    write("editor", f"ref={REFERENCE}", "hold=yes")
    daemon.scripts = {"Resolve": [resolved(**NONE)], "Install": [failed("NoSpace")]}
    assert main(["apply", str(tmp_path)]) == 7
    assert asked(daemon) == ["Resolve", "Install"]


def test_after_ctrl_c_no_more_is_removed(daemon: FakeInstaller, tmp_path: Path, write: Write) -> None:
    write("editor", f"ref={REFERENCE}")
    others = [
        TOOL | {"id": f"org.acme.Tool{number}", "reference": f"q.io/t{number}:1"} for number in range(33)
    ]
    daemon.apps = [EDITOR | {"scope": "user"}, *others]
    daemon.scripts["Uninstall"] = [failed("Cancelled")]
    assert main(["apply", str(tmp_path), "--prune"]) == 130
    assert asked(daemon) == ["Uninstall"]


@pytest.mark.parametrize("installed", [f"{REFERENCE}@sha256:{HASH}", f"quay.io/acme/editor@sha256:{HASH}"])
def test_what_is_pinned_to_a_digest_is_not_what_its_tag_names(
    daemon: FakeInstaller, tmp_path: Path, write: Write, installed: str
) -> None:
    write("editor", f"ref={REFERENCE}")
    daemon.apps = [EDITOR | {"scope": "user", "reference": installed}]
    daemon.scripts = {"Resolve": [resolved(**NONE, change="update")], "Install": [done(EDITOR)]}
    assert main(["apply", str(tmp_path)]) == 0
    assert asked(daemon) == ["Resolve", "Install"]


def test_an_empty_name_is_not_all_that_is_declared(daemon: FakeInstaller) -> None:
    assert main(["apply", ""]) == 64
    assert asked(daemon) == []
