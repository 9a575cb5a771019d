# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl install`: what is shown, asked, sent, printed and returned."""

import base64
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from appctl.__main__ import main
from support.buses.bus import ERROR
from support.buses.commands import ACME, EDITOR, PREVIEW, PROMISED, done, options_of, resolved
from support.buses.fake_installer import FakeInstaller, Script, failed
from support.machines.deployments import Made

Capture = pytest.CaptureFixture[str]
Answer = Callable[[str], None]


def test_install_shows_who_signed_and_asks(daemon: FakeInstaller, answer: Answer, capsys: Capture) -> None:
    daemon.scripts |= {"Resolve": [resolved()], "Install": [done(EDITOR)]}
    answer("\n")
    assert main(["install", "acme/editor"]) == 0
    out, err = capsys.readouterr()
    assert err.splitlines()[0].startswith(
        "org.acme.Editor 1.4   quay.io/acme/editor:latest  sha256:3333…   from acme"
    )
    assert 'E24C…68BD "Acme\\x1b <rel@acme.example>", 2025-11-' in err
    assert "97 MB to download, 12 MB already here\n" in err
    assert "May use    network\nOf that    network: leaves the sandbox\n" in err
    assert "Install? [Y/n]" in err
    assert out == "Installed org.acme.Editor 1.4.   Start it: appctl run editor\n"


def test_install_gives_back_what_was_shown(daemon: FakeInstaller) -> None:
    daemon.scripts |= {"Resolve": [resolved()], "Install": [done(EDITOR)]}
    assert main(["install", "-y", "--reinstall", "--remote", "acme", "acme/editor"]) == 0
    assert daemon.called("Resolve").body[0] == "acme/editor"
    assert options_of(daemon, "Resolve") == {"remote": "acme"}
    assert daemon.called("Install").body[0] == ["acme/editor"]
    assert options_of(daemon, "Install") == {
        "accept-permissions": "ha5h", "expected-digest": "sha256:" + "3" * 64,
        "reinstall": True, "remote": "acme",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["n\n", "no\n", ""])
def test_a_no_installs_nothing(text: str, daemon: FakeInstaller, answer: Answer, capsys: Capture) -> None:
    daemon.scripts["Resolve"] = [resolved()]
    answer(text)
    assert main(["install", "acme/editor"]) == 130
    assert "Install" not in [call.member for call in daemon.calls]
    assert capsys.readouterr().err.endswith("[Y/n] Nothing was changed.\n")


def test_nobody_to_ask_is_usage_and_never_a_hang(
    daemon: FakeInstaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.scripts["Resolve"] = [resolved(), resolved(), resolved(permissions=("a(sss)", []))]
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert main(["install", "acme/editor"]) == 64
    assert main(["install", "--noninteractive", "acme/editor"]) == 6
    assert main(["install", "--noninteractive", "acme/editor"]) == 64
    assert "Install" not in [call.member for call in daemon.calls]


@pytest.mark.parametrize("allowed", [True, False])
def test_only_its_own_option_allows_a_downgrade(daemon: FakeInstaller, *, allowed: bool) -> None:
    daemon.scripts |= {"Resolve": [resolved()], "Install": [done(EDITOR)]}
    assert main(["install", "-y", "acme/editor", *(["--allow-downgrade"] if allowed else [])]) == 0
    assert options_of(daemon, "Resolve").get("allow-downgrade", False) is allowed
    assert options_of(daemon, "Install").get("allow-downgrade", False) is allowed


def test_a_downgrade_is_shown_as_one(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.scripts["Resolve"] = [resolved(change="downgrade", downgrade="it is older\x1b"), resolved()]
    assert main(["install", "--dry-run", "acme/editor"]) == 0
    assert "\nDOWNGRADE  it is older\\x1b\n" in capsys.readouterr().out
    assert main(["install", "--dry-run", "acme/editor"]) == 0
    assert "DOWNGRADE" not in capsys.readouterr().out


def test_a_pin_is_shown_as_the_end_of_updates(daemon: FakeInstaller, capsys: Capture) -> None:
    pinned = f"quay.io/acme/editor@sha256:{'3' * 64}"
    switch = {"reference": pinned, "switches-from": "quay.io/acme/editor:sta\x1bble"}
    daemon.scripts["Resolve"] = [resolved(**switch)]
    assert main(["install", "--dry-run", pinned]) == 0
    told = f"\nSwitches   from :sta\\x1bble to @sha256:{'3' * 64}, and stays there: no more updates\n"
    assert told in capsys.readouterr().out


def test_a_commit_is_shown_as_one(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.scripts |= {"Resolve": [resolved(**{"reference": "trees:app/editor", "size-unknown": True})]}
    assert main(["install", "--dry-run", "trees:app/editor"]) == 0
    out = capsys.readouterr().out
    assert f"trees:app/editor  commit {'3' * 12}…" in out
    assert "Size       known after the download" in out


def test_what_comes_with_an_app_is_shown_and_said(daemon: FakeInstaller, capsys: Capture) -> None:
    runtime = {"id": ("s", "org.acme.Platform._45"), "version": ("s", "45\x1b"), "bytes": ("t", 5_000_000)}
    with_it = {key: value for key, (_, value) in runtime.items()}
    daemon.scripts |= {
        "Resolve": [resolved(also=("aa{sv}", [runtime]))],
        "Install": [done(EDITOR | {"also": [with_it]})],
    }
    assert main(["install", "-y", "acme/editor"]) == 0
    out = capsys.readouterr().out
    assert "With it    org.acme.Platform._45 45\\x1b (of 5 MB)\n" in out
    assert "Installed org.acme.Editor 1.4, with org.acme.Platform._45 45\\x1b.   Start it" in out


def test_unsigned_is_said(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.scripts["Resolve"] = [resolved(signer="", verify="none")]
    assert main(["install", "--dry-run", "acme/editor"]) == 0
    assert "Signed by  UNSIGNED" in capsys.readouterr().out


def test_install_as_json_has_what_is_promised(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.scripts |= {"Resolve": [resolved()], "Install": [done(EDITOR)]}
    assert main(["install", "-y", "--json", "acme/editor"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert set(document) >= PROMISED
    assert document["apps"][0]["bytes_downloaded"] == 97_000_000
    assert document["changed"] is True


def test_what_is_installed_already_is_no_failure(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.scripts |= {"Resolve": [resolved(change="none")] * 2}
    daemon.apps = [EDITOR]
    assert main(["install", "acme/editor"]) == 0
    assert capsys.readouterr().out == "org.acme.Editor 1.4 is installed already.\n"
    assert main(["install", "--json", "acme/editor"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert set(document) >= PROMISED
    assert (document["changed"], document["errors"]) == (False, [])
    assert "Install" not in [call.member for call in daemon.calls], "for which polkit asks for a password"


@pytest.mark.parametrize(
    ("other", "wanted"),
    [
        ({}, ["--reinstall"]),
        ({"reference": "quay.io/acme/editor:beta"}, []),
        ({"image-digest": "sha256:0"}, []),
        ({"id": "org.acme.Other"}, []),
    ],
)
def test_what_is_not_just_so_is_the_daemons_to_judge(
    other: dict[str, str], wanted: list[str], daemon: FakeInstaller, capsys: Capture
) -> None:
    daemon.scripts |= {"Resolve": [resolved(change="none")], "Install": [done(EDITOR | {"changed": False})]}
    daemon.apps = [EDITOR | other]
    assert main(["install", "-y", *wanted, "acme/editor"]) == 0  # nothing is asked
    assert capsys.readouterr().out.endswith("org.acme.Editor 1.4 is installed already.\n")
    assert "Install" in [call.member for call in daemon.calls]


def test_a_runtime_that_is_missing_beside_it_is_installed(daemon: FakeInstaller) -> None:
    runtime = {"id": ("s", "org.acme.Platform._45"), "version": ("s", "45"), "bytes": ("t", 5_000_000)}
    preview = resolved(change="none", also=("aa{sv}", [runtime]))
    daemon.scripts |= {"Resolve": [preview], "Install": [done(EDITOR)]}
    daemon.apps = [EDITOR]
    assert main(["install", "acme/editor"]) == 0
    assert "Install" in [call.member for call in daemon.calls]


def test_a_file_that_names_nothing_keeps_no_other_app_from_being_installed(
    daemon: FakeInstaller, tmp_path: Path, capsys: Capture
) -> None:
    daemon.scripts |= {"Resolve": [resolved()], "Install": [done(EDITOR)]}
    assert main(["install", "-y", str(tmp_path / "missing.appctlref"), "acme/editor"]) == 64
    assert "Installed org.acme.Editor" in capsys.readouterr().out


def test_where_nobody_can_be_asked_the_next_one_is_not_tried(daemon: FakeInstaller) -> None:
    daemon.scripts["Resolve"] = [resolved(permissions=("a(sss)", []))] * 2
    assert main(["install", "--noninteractive", "acme/editor", "acme/editor"]) == 64
    assert len(daemon.scripts["Resolve"]) == 1


@pytest.mark.parametrize(("run", "starts"), [({"cmd": ["/bin/x"]}, True), ({}, False)])
def test_what_has_no_command_is_not_said_to_start(
    run: dict[str, Any], starts: bool, daemon: FakeInstaller, tmp_path: Path, capsys: Capture  # noqa: FBT001
) -> None:  # fmt: skip
    made = Made(tmp_path, "org.acme.Editor").write(**run)
    installed = done(EDITOR | {"deployment": str(made.files)})
    daemon.scripts |= {"Resolve": [resolved()], "Install": [installed]}
    assert main(["install", "-y", "acme/editor"]) == 0
    assert ("Start it" in capsys.readouterr().out) == starts


def test_a_dry_run_tries_all(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.scripts["Resolve"] = [failed("NoRemote"), resolved()] * 2
    assert main(["install", "--dry-run", "b.example/y", "acme/editor"]) == 3
    assert "org.acme.Editor 1.4" in capsys.readouterr().out
    assert main(["install", "--dry-run", "--json", "b.example/y", "acme/editor"]) == 3
    document = json.loads(capsys.readouterr().out)
    assert [item["id"] for item in document["previews"]] == ["org.acme.Editor"]
    assert [item["name"] for item in document["errors"]] == ["NoRemote"]


def test_a_no_to_one_is_no_to_no_other(daemon: FakeInstaller, answer: Answer, capsys: Capture) -> None:
    daemon.scripts |= {"Resolve": [resolved(), resolved()], "Install": [done(EDITOR)]}
    answer("n\ny\n")
    assert main(["install", "acme/other", "acme/editor"]) == 130
    out, err = capsys.readouterr()
    assert "Did not install acme/other.\n" in err
    assert "error" not in err
    assert "Installed org.acme.Editor" in out


def test_after_a_cancel_nothing_else_is_tried(daemon: FakeInstaller) -> None:
    daemon.scripts |= {"Resolve": [resolved(), resolved()], "Install": [Script({"State": "cancelled"})]}
    assert main(["install", "-y", "acme/other", "acme/editor"]) == 130
    assert len(daemon.scripts["Resolve"]) == 1


def test_all_references_are_tried_and_the_first_failure_counts(
    daemon: FakeInstaller, capsys: Capture
) -> None:
    daemon.scripts |= {
        "Resolve": [failed("SignatureMissing"), failed("NoRemote"), resolved()],
        "Install": [done(EDITOR)],
    }
    assert main(["install", "-y", "a.example/x", "b.example/y", "acme/editor"]) == 5
    out, err = capsys.readouterr()
    assert "Installed org.acme.Editor" in out
    assert err.count("error:") == 2


def test_the_callers_login_goes_with_both_jobs(daemon: FakeInstaller, tmp_path: Path,
                                               monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "containers").mkdir()
    login = {"auth": base64.b64encode(b"me:secret").decode()}
    (tmp_path / "containers/auth.json").write_text(json.dumps({"auths": {"quay.io": login}}))
    daemon.remotes = [ACME]
    daemon.scripts |= {"Resolve": [resolved()], "Install": [done(EDITOR)]}
    assert main(["install", "-y", "acme/editor"]) == 0
    for member in ("Resolve", "Install"):
        (login,) = options_of(daemon, member)["registry-auth"]
        assert login == {
            "host": ("s", "quay.io/acme/editor"),
            "username": ("s", "me"),
            "password": ("s", "secret"),
        }


HIDDEN = {
    **PREVIEW, "permissions": ("a(sss)", [("filesystems", "home", "leaves the sandbox")]),
    "permissions-hash": "f11e",
}  # fmt: skip
UNSEEN = Script({"State": "needs-approval", "ErrorName": ERROR + "NeedsApproval",
                 "ErrorMessage": "no label showed that", "Result": {"preview": HIDDEN}})  # fmt: skip


@pytest.mark.parametrize(("answers", "code"), [("y\ny\n", 0), ("y\nn\n", 6), ("y\n\n", 6), ("y\n", 6)])
def test_what_only_the_download_told_is_asked_about_then(
    answers: str, code: int, daemon: FakeInstaller, answer: Callable[[str], None], capsys: Capture
) -> None:
    daemon.scripts["Resolve"] = [resolved()]
    daemon.scripts["Install"] = [UNSEEN, done(EDITOR)]
    answer(answers)
    assert main(["install", "acme/editor"]) == code
    calls = [call for call in daemon.calls if call.member == "Install"]
    given = [call.body[1]["accept-permissions"][1] for call in calls]
    assert given == (["ha5h", "f11e"] if code == 0 else ["ha5h"])
    assert "May use    all your files (home)" in capsys.readouterr().err


def test_nobody_accepts_unseen_what_only_the_download_told(
    daemon: FakeInstaller, answer: Callable[[str], None], capsys: Capture
) -> None:
    daemon.scripts["Resolve"] = [resolved()]
    daemon.scripts["Install"] = [UNSEEN]
    answer("y\n")
    assert main(["install", "-y", "acme/editor"]) == 6
    assert "no label showed that" in capsys.readouterr().err


def test_verbose_tells_each_step_and_what_an_error_was_made_of(
    daemon: FakeInstaller, capsys: Capture
) -> None:
    steps = [{"Title": "Install x", "Stage": stage} for stage in ("downloading", "downloading", "importing")]
    details = {"host": ("s", "h.io\x1b"), "note": ("s", "")}
    refused = failed("RegistryAuth", "h.io refuses x", ErrorDetails=details)
    daemon.scripts |= {"Resolve": [resolved()], "Install": [Script(refused.end, steps)]}
    assert main(["install", "-y", "-v", "acme/editor"]) == 1
    err = capsys.readouterr().err
    assert err.count("Install x: downloading\n") == 1
    assert "Install x: importing\n" in err
    assert "  error: RegistryAuth\n  host: h.io\\x1b\n" in err
    assert "note" not in err


def test_without_it_none_of_that_is_said(daemon: FakeInstaller, capsys: Capture) -> None:
    steps = [{"Title": "Install x", "Stage": "downloading"}]
    daemon.scripts |= {"Resolve": [resolved()], "Install": [Script(failed("RegistryAuth").end, steps)]}
    assert main(["install", "-y", "acme/editor"]) == 1
    assert "downloading" not in capsys.readouterr().err
