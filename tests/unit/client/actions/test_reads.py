# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`list`, `info`, `jobs`, `cancel`, and what names mean."""

import json
from pathlib import Path

import pytest

from appctl.__main__ import main
from support.buses.commands import ACME, EDITOR, PROMISED, done, options_of
from support.buses.fake_installer import FakeInstaller, Script

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize("command", [["info"], ["rollback"], ["uninstall", "-y"], ["update"]])
def test_what_is_not_installed(command: list[str], daemon: FakeInstaller) -> None:
    assert main([*command, "nothing"]) == 3


def test_an_ambiguous_name_is_usage(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.apps = [EDITOR, EDITOR | {"id": "org.other.Editor"}]
    assert main(["info", "EDITOR"]) == 64
    assert "org.acme.Editor, org.other.Editor" in capsys.readouterr().err
    assert main(["info", "org.acme.Editor"]) == 0


@pytest.mark.parametrize("command", ["info", "rollback", "update", "uninstall"])
def test_a_reference_by_a_remotes_name_means_its_app(command: str, daemon: FakeInstaller) -> None:
    daemon.remotes = [ACME, ACME | {"Name": "other", "Url": "oci+https://quay.io/other"}]
    daemon.apps = [EDITOR | {"scope": "user"}]
    daemon.scripts = {name: [done(EDITOR)] for name in ("Rollback", "Update", "Uninstall")}
    assert main([command, "-y", "other/editor"]) == 3
    assert main([command, "-y", "nosuch/editor"]) == 3
    assert main([command, "-y", "acme/editor"]) == 0


def test_list_and_its_columns(daemon: FakeInstaller, capsys: Capture) -> None:
    unsigned = {"id": "org.acme.Tool", "version": "2\u202e", "verify": "none", "scope": "user"}
    daemon.apps = [unsigned, EDITOR | {"scope": "user"}]
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == [
        "Name",
        "Application",
        "ID",
        "Version",
        "Tag",
        "Remote",
        "Signed",
        "Scope",
        "Size",
    ]
    assert lines[1].split() == [
        "Editor",
        "org.acme.Editor",
        "1.4",
        "latest",
        "acme",
        "E24C…68BD",
        "user",
        "254",
        "MB",
    ]
    assert "2\\u202e" in lines[2]
    assert "UNSIGNED" in lines[2]
    assert main(["list", "--columns=id,Size"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["org.acme.Editor", "254", "MB"]
    assert main(["list", "--columns=nonsense"]) == 64
    assert main(["ls", "--json", "--updates"]) == 0
    assert [app["id"] for app in json.loads(capsys.readouterr().out)] == ["org.acme.Editor", "org.acme.Tool"]
    assert options_of(daemon, "List") == {"updates": True}
    assert main(["list", "--updates"]) == 0
    asked, keys = daemon.called("ListText").body
    assert asked == {"updates": ("b", True)}
    assert "installed-size" in keys


def test_a_runtime_is_called_by_its_name_and_not_by_its_branch(
    daemon: FakeInstaller, capsys: Capture
) -> None:
    ref = "runtime/org.acme.Platform/x86_64/45"
    runtime = {"id": "org.acme.Platform._45", "version": "45", "kind": "runtime", "flatpak-ref": ref}
    daemon.apps = [
        {**EDITOR, **runtime, "scope": "user", "title": ""},
        EDITOR | {"scope": "user", "kind": "app"},
    ]
    assert main(["list", "--columns=name,id,kind"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split() == ["Platform", "org.acme.Platform._45", "runtime"]
    daemon.apps = [{**EDITOR, "scope": "user", "runtime": ref}]
    assert main(["info", "editor"]) == 0
    assert "Runtime:      org.acme.Platform/x86_64/45\n" in capsys.readouterr().out


def test_info_for_people_and_for_programs(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.apps = [{key: value for key, value in EDITOR.items() if key != "changed"}]
    assert main(["info", "editor"]) == 0
    out = capsys.readouterr().out
    assert 'E24C…68BD "Acme\\x1b' in out
    assert EDITOR["signer"] in out
    assert main(["info", "editor", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert set(document) >= PROMISED
    assert document["changed"] is False


@pytest.mark.parametrize(
    ("facts", "lines"),
    [
        ({}, ["Rollback protection: superseded images only", "Freeze protection: none"]),
        ({"order-by": "nobody"}, ["Rollback protection: superseded images only"]),
        ({"order-by": "created"}, ["Rollback protection: by the date in the image"]),
        ({"order-by": "signature"}, ["Rollback protection: by the date of the signature"]),
        ({"max-age": 2_592_000}, ["Freeze protection: no signature older than 30 days"]),
        ({"max-age": 43_200}, ["Freeze protection: no signature older than 12 hours"]),
        ({"max-age": 5_400}, ["Freeze protection: no signature older than 90 minutes"]),
    ],
)
def test_info_says_what_an_app_is_protected_from(
    daemon: FakeInstaller, capsys: Capture, facts: dict[str, object], lines: list[str]
) -> None:
    daemon.apps = [EDITOR | facts]
    assert main(["info", "editor"]) == 0
    out = capsys.readouterr().out
    for line in lines:
        assert f"  {line}\n" in out


def test_info_names_every_signer_and_what_is_kept(daemon: FakeInstaller, capsys: Capture) -> None:
    signers = [
        {"fingerprint": EDITOR["signer"], "name": "Acme", "signed-at": 5},
        {"fingerprint": "B" * 40, "name": "Sec\u202eond", "signed-at": 0},
    ]
    kept = {"version": "1.3", "image-digest": "sha256:33", "signers": signers, "checked-at": 86400 * 365}
    bare = {"version": "1.2", "image-digest": "sha256:22", "verdict": "nothing was verified"}
    here = [{"version": "1.4", "current": True}, kept, bare]
    daemon.apps = [EDITOR | {"signers": signers, "verdict": "gpg: 2 counted", "deployments": here}]
    assert main(["info", "editor"]) == 0
    out = capsys.readouterr().out
    assert f'And by:       {"B" * 40} "Sec\\u202eond"\n' in out
    assert "gpg: 2 counted" in out
    assert "Also here:    1.3  sha256:33…  signed by E24C…68BD, BBBB…BBBB, checked 19" in out
    assert "1.2  sha256:22…  nothing was verified\n" in out
    assert main(["info", "editor", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["deployments"][1]["signers"][0]["signed_at"] == 5


def test_jobs_and_cancel(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.scripts["Prune"] = [
        Script({"State": "succeeded", "Kind": "prune", "Percent": 100, "ErrorName": "", "BytesDone": 7})
    ]
    assert main(["prune"]) == 0
    capsys.readouterr()
    assert main(["jobs"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == [
        "1",
        "user",
        "prune",
        "succeeded",
        "resolving",
        "100%",
    ]
    assert main(["jobs", "--json"]) == 0
    job = json.loads(capsys.readouterr().out)[0]
    assert (job["number"], job["error_name"], job["bytes_done"]) == (1, "", 7)
    assert main(["cancel", "1"]) == 0
    assert daemon.called("Cancel").path.endswith("/job/1")
    capsys.readouterr()
    assert main(["cancel", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"changed": True, "scope": "user", "number": 1}
    daemon.errors["Cancel"] = ("NotFound", "no", "", {})
    assert main(["cancel", "7"]) == 3


def test_quiet_says_only_errors(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.apps = [EDITOR]
    assert main(["list", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["list"], "Nothing is installed."),
        (["list", "--updates"], "No update is known."),
        (["jobs"], "No job is known."),
        (["ps"], "No app runs."),
        (["remote", "list"], "There is no remote: appctl remote add NAME URL"),
        (["history"], "Nothing has happened."),
        (["history", "--failed"], "Nothing of that kind has happened."),
    ],
)
def test_that_nothing_is_there_is_said_and_no_result(
    words: list[str], said: str, daemon: FakeInstaller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: Capture
) -> None:  # fmt: skip
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert main(words) == 0
    assert capsys.readouterr() == ("", f"{said}\n")
    assert main([*words, "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    assert main([*words, "--json"]) == 0
    assert capsys.readouterr() == ("[]\n", "")
