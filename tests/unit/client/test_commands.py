# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The commands against a daemon that does what the test says: what is asked, sent, printed and returned."""

import base64
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from appctl.__main__ import main
from support.bus import ERROR
from support.fake_installer import FakeInstaller, Script, failed

EDITOR: dict[str, Any] = {
    "id": "org.acme.Editor",
    "title": "Editor",
    "version": "1.4",
    "remote": "acme",
    "tag": "latest",
    "reference": "quay.io/acme/editor:latest",
    "image-digest": "sha256:" + "3" * 64,
    "commit": "4" * 64,
    "layers": ["sha256:" + "5" * 64],
    "verify": "gpg",
    "signer": "E24C" + "0" * 32 + "68BD",
    "signer-name": "Acme\x1b <rel@acme.example>",
    "signed-at": 1_763_640_000,
    "installed-size": 254_000_000,
    "bytes-downloaded": 97_000_000,
    "bytes-reused": 12_000_000,
    "deployment": "/state/apps/x/files",
    "tag-bound": True,
    "changed": True,
}
PREVIEW = {
    key: EDITOR[key]
    for key in (
        "id",
        "version",
        "reference",
        "image-digest",
        "remote",
        "verify",
        "signer",
        "signer-name",
        "signed-at",
    )
} | {
    "download-size": 97_000_000,
    "reuse-size": 12_000_000,
    "installed-size": 254_000_000,
    "change": "install",
    "permissions": ("a(sss)", [("shared", "network", "leaves the sandbox")]),
    "permissions-hash": "ha5h",
    "installed": "",
    "tag-bound": True,
}
PROMISED = {
    "id",
    "remote",
    "reference",
    "image_digest",
    "commit",
    "layers",
    "signer",
    "signed_at",
    "version",
    "deployment",
    "installed_size",
    "bytes_downloaded",
    "bytes_reused",
    "changed",
}
ACME = {
    "Name": "acme",
    "Title": "Acme",
    "Url": "oci+https://quay.io/acme",
    "Verify": "gpg",
    "Enabled": True,
    "Writable": True,
    "Origin": "/etc/x",
    "Fingerprints": ["E" * 40],
    "Settings": {"identity": "tag"},
}

Capture = pytest.CaptureFixture[str]


class Terminal(io.StringIO):
    """Standard input of a person who answers."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401 - a function
    return lambda text: monkeypatch.setattr(sys, "stdin", Terminal(text))


def resolved(**changes: Any) -> Script:  # noqa: ANN401 - as the preview has them
    return Script({"State": "succeeded", "Result": {"preview": PREVIEW | changes}})


def done(*apps: dict[str, Any]) -> Script:
    return Script({"State": "succeeded", "Result": {"apps": list(apps)}})


def options_of(daemon: FakeInstaller, member: str) -> dict[str, Any]:
    return {key: value for key, (_, value) in daemon.called(member).body[-1].items()}


def test_install_shows_who_signed_and_asks(daemon: FakeInstaller, answer: Any, capsys: Capture) -> None:  # noqa: ANN401
    daemon.scripts |= {"Resolve": [resolved()], "Install": [done(EDITOR)]}
    answer("\n")
    assert main(["install", "acme/editor"]) == 0
    out, err = capsys.readouterr()
    assert err.splitlines()[0].startswith(
        "org.acme.Editor 1.4   quay.io/acme/editor:latest  sha256:3333…   from acme"
    )
    assert 'E24C…68BD "Acme\\x1b <rel@acme.example>", 2025-11-' in err
    assert "97 MB to download, 12 MB already here, 254 MB installed" in err
    assert "shared=network (leaves the sandbox)" in err
    assert "Install? [Y/n]" in err
    assert out == "Installed org.acme.Editor 1.4.   Start it: appctl run editor\n"


def test_install_gives_back_what_was_shown(daemon: FakeInstaller) -> None:
    daemon.scripts |= {"Resolve": [resolved()], "Install": [done(EDITOR)]}
    assert main(["install", "-y", "--reinstall", "--remote", "acme", "acme/editor"]) == 0
    assert daemon.called("Resolve").body[0] == "acme/editor"
    assert options_of(daemon, "Resolve") == {"remote": "acme"}
    assert daemon.called("Install").body[0] == ["acme/editor"]
    assert options_of(daemon, "Install") == {
        "accept-permissions": True, "permissions-hash": "ha5h", "expected-digest": "sha256:" + "3" * 64,
        "reinstall": True, "remote": "acme",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["n\n", "no\n", ""])
def test_a_no_installs_nothing(text: str, daemon: FakeInstaller, answer: Any) -> None:  # noqa: ANN401
    daemon.scripts["Resolve"] = [resolved()]
    answer(text)
    assert main(["install", "acme/editor"]) == 130
    assert "Install" not in [call.member for call in daemon.calls]


def test_nobody_to_ask_is_usage_and_never_a_hang(
    daemon: FakeInstaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.scripts["Resolve"] = [resolved(), resolved(), resolved(permissions=("a(sss)", []))]
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert main(["install", "acme/editor"]) == 64
    assert main(["install", "--noninteractive", "acme/editor"]) == 6
    assert main(["install", "--noninteractive", "acme/editor"]) == 64
    assert "Install" not in [call.member for call in daemon.calls]


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
    daemon.apps = [EDITOR | {"scope": "user"}]
    daemon.scripts |= {"Resolve": [resolved(change="none")], "Install": [failed("AlreadyInstalled")]}
    assert main(["install", "--json", "acme/editor"]) == 0  # nothing is asked either
    document = json.loads(capsys.readouterr().out)
    assert set(document) >= PROMISED
    assert (document["changed"], document["errors"]) == (False, [])


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


def test_update_says_what_was_downloaded(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.apps = [EDITOR | {"scope": "user"}]
    daemon.scripts["Update"] = [done(EDITOR | {"previous-version": "1.3"})]
    assert main(["update", "editor"]) == 0
    assert daemon.called("Update").body[0] == ["org.acme.Editor"]
    assert capsys.readouterr().out == (
        "Updated org.acme.Editor 1.3 -> 1.4   (97 MB downloaded, 12 MB already here)\n"
    )


def test_update_of_everything_and_nothing_to_do(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.scripts["Update"] = [failed("AlreadyUpToDate")]
    assert main(["update"]) == 0
    assert daemon.called("Update").body[0] == []
    assert capsys.readouterr() == ("Everything is up to date.\n", "")


def test_update_grants_new_permissions_only_when_asked(
    daemon: FakeInstaller, answer: Any, capsys: Capture  # noqa: ANN401
) -> None:  # fmt: skip
    daemon.scripts["Update"] = [failed("NeedsApproval", "it asks for home")] * 2 + [done(EDITOR)]
    assert main(["update", "-y"]) == 6  # -y does not grant them
    assert len(daemon.scripts["Update"]) == 2
    assert options_of(daemon, "Update") == {}
    answer("y\n")
    assert main(["update"]) == 0
    assert options_of(daemon, "Update") == {"accept-permissions": True}
    assert "it asks for home" in capsys.readouterr().out


def test_some_went_well(daemon: FakeInstaller, capsys: Capture) -> None:
    items = [
        {"id": "org.acme.Editor", "state": "succeeded", "error": "", "message": ""},
        {"id": "org.acme.Viewer", "state": "needs-approval", "error": "NeedsApproval", "message": "more"},
        {"id": "org.acme.Tool", "state": "failed", "error": "Offline", "message": "no"},
    ]
    end = {"State": "partly-failed", "Items": items, "Result": {"apps": [EDITOR]}, "Hint": "look",
           "ErrorName": ERROR + "NeedsApproval", "ErrorMessage": "more"}  # fmt: skip
    daemon.scripts["Update"] = [Script(end)]
    assert main(["update", "--noninteractive"]) == 6
    out, err = capsys.readouterr()
    assert "Updated org.acme.Editor" in out
    assert err.splitlines() == ["error: more", "hint: look", "error: no"]


@pytest.mark.parametrize(("updates", "code"), [
    ([], 2),
    ([{"id": "org.acme.Editor", "version": "1", "update-version": "2", "update-size": 8_000_000}], 0),
    ([{"id": "org.acme.Editor", "error": "Offline"}], 75),
])  # fmt: skip
def test_update_check(
    updates: list[dict[str, Any]], code: int, daemon: FakeInstaller, capsys: Capture
) -> None:
    daemon.scripts["CheckUpdates"] = [Script({"State": "succeeded", "Result": {"updates": updates}})]
    assert main(["update", "--check"]) == code
    assert ("org.acme.Editor 1 -> 2   8 MB" in capsys.readouterr().out) == (code == 0)


def test_uninstall_names_the_data_that_stays(daemon: FakeInstaller, answer: Any, capsys: Capture) -> None:  # noqa: ANN401
    data = Path.home() / ".var/app/org.acme.Editor"
    data.mkdir(parents=True)
    (data / "x").write_bytes(b"x" * 2000)
    daemon.apps = [EDITOR | {"scope": "user"}]
    daemon.scripts["Uninstall"] = [done({"id": "org.acme.Editor", "freed-bytes": 97_000_000})]
    answer("y\n")
    assert main(["uninstall", "editor"]) == 0
    assert "(2 kB) stays" in capsys.readouterr().out
    assert data.is_dir()


def test_uninstall_deletes_data_when_told(daemon: FakeInstaller) -> None:
    data = Path.home() / ".var/app/org.acme.Editor"
    data.mkdir(parents=True)
    daemon.apps = [EDITOR | {"scope": "user"}]
    daemon.scripts["Uninstall"] = [failed("InUse"), done({"id": "org.acme.Editor"})]
    assert main(["rm", "-y", "--delete-data", "org.acme.Editor"]) == 1
    assert data.is_dir()
    assert main(["rm", "-y", "--delete-data", "org.acme.Editor"]) == 0
    assert not data.exists()


def test_rollback(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.apps = [EDITOR | {"scope": "user", "version": "1.5"}]
    daemon.scripts["Rollback"] = [done(EDITOR)]
    assert main(["rollback", "editor", "--to", "1.4"]) == 0
    assert daemon.called("Rollback").body == ("org.acme.Editor", {"to": ("s", "1.4")})
    assert "1.5 -> 1.4 (kept, signed E24C…68BD). Open windows keep 1.5." in capsys.readouterr().out


@pytest.mark.parametrize("command", [["info"], ["rollback"], ["uninstall", "-y"], ["update"]])
def test_what_is_not_installed(command: list[str], daemon: FakeInstaller) -> None:
    assert main([*command, "nothing"]) == 3


def test_an_ambiguous_name_is_usage(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.apps = [EDITOR, EDITOR | {"id": "org.other.Editor"}]
    assert main(["info", "EDITOR"]) == 64
    assert "org.acme.Editor, org.other.Editor" in capsys.readouterr().err
    assert main(["info", "org.acme.Editor"]) == 0


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
    words: list[str], daemon: FakeInstaller, answer: Any, monkeypatch: pytest.MonkeyPatch  # noqa: ANN401
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


def test_jobs_and_cancel(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.scripts["Prune"] = [Script({"State": "succeeded", "Kind": "prune", "Percent": 100})]
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
    assert json.loads(capsys.readouterr().out)[0]["number"] == 1
    assert main(["cancel", "1"]) == 0
    assert daemon.called("Cancel").path.endswith("/job/1")
    daemon.errors["Cancel"] = ("NotFound", "no", "", {})
    assert main(["cancel", "7"]) == 3


def test_prune_counts(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.scripts["Prune"] = [Script({"State": "succeeded", "Result": {"freed-bytes": 180_000_000}})] * 2
    assert main(["prune", "--dry-run"]) == 0
    assert options_of(daemon, "Prune") == {"dry-run": True}
    assert main(["prune", "-q"]) == 0
    assert capsys.readouterr().out == "180 MB can go.\n"


def test_quiet_says_only_errors(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.apps = [EDITOR]
    assert main(["list", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
