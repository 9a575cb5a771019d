# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl update`: new permissions are asked about app by app, and everything is tried."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from appctl.__main__ import main
from support.bus import ERROR
from support.commands import EDITOR, done, options_of
from support.fake_installer import FakeInstaller, Script

Capture = pytest.CaptureFixture[str]
Answer = Callable[[str], None]


def test_update_says_what_was_downloaded(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.apps = [EDITOR | {"scope": "user"}]
    daemon.scripts["Update"] = [done(EDITOR | {"previous-version": "1.3"})]
    assert main(["update", "editor"]) == 0
    assert daemon.called("Update").body[0] == ["org.acme.Editor"]
    assert capsys.readouterr().out == (
        "Updated org.acme.Editor 1.3 -> 1.4   (97 MB downloaded, 12 MB already here)\n"
    )


@pytest.mark.parametrize("allowed", [True, False])
def test_only_its_own_option_allows_a_downgrade(daemon: FakeInstaller, *, allowed: bool) -> None:
    daemon.apps = [EDITOR | {"scope": "user"}]
    daemon.scripts["Update"] = [done(EDITOR)]
    assert main(["update", "-y", "editor", *(["--allow-downgrade"] if allowed else [])]) == 0
    assert options_of(daemon, "Update").get("allow-downgrade", False) is allowed


def test_update_of_everything_and_nothing_to_do(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.apps = [EDITOR | {"scope": "user"}]
    daemon.scripts["Update"] = [done(EDITOR | {"changed": False})] * 2
    assert main(["update"]) == 0
    assert daemon.called("Update").body[0] == []
    assert capsys.readouterr() == ("Everything is up to date.\n", "")
    assert main(["update", "editor"]) == 0
    assert capsys.readouterr() == ("org.acme.Editor 1.4 is up to date.\n", "")


def asks(app: str, *permissions: str) -> Script:
    """One app alone wants more: the job's own error says so."""
    details = {
        "app": app,
        "permissions": list(permissions),
        "update-version": "1.5\x1b",
        "permissions-hash": "h1",
    }
    return Script({"State": "needs-approval", "ErrorName": ERROR + "NeedsApproval",
                   "ErrorMessage": "it asks for more", "ErrorDetails": details})  # fmt: skip


def test_update_grants_new_permissions_only_when_asked(
    daemon: FakeInstaller, answer: Answer, capsys: Capture
) -> None:
    daemon.apps = [EDITOR | {"scope": "user"}]
    script = asks("org.acme.Editor", "filesystems=home\u202e", "shared=network")
    daemon.scripts["Update"] = [script, script, script, done(EDITOR)]
    assert main(["update", "-y"]) == 6  # -y does not grant them
    answer("y\n")
    assert main(["update", "--background"]) == 6  # nobody waits for it
    assert options_of(daemon, "Update") == {"background": True}
    capsys.readouterr()
    answer("y\n")
    assert main(["update"]) == 0
    assert options_of(daemon, "Update") == {"permissions-hashes": ["h1"], "ask-credentials": True}
    assert daemon.called("Update").body[0] == ["org.acme.Editor"]
    assert capsys.readouterr().err == (
        "org.acme.Editor 1.4 -> 1.5\\x1b: newly asks for filesystems=home\\u202e, shared=network. "
        "Grant that, and update? [y/N] "
    )


@pytest.mark.parametrize("text", ["n\n", "\n", ""])
def test_a_no_keeps_the_app_as_it_is(
    text: str, daemon: FakeInstaller, answer: Answer, capsys: Capture
) -> None:
    daemon.apps = [EDITOR | {"scope": "user"}]
    daemon.scripts["Update"] = [asks("org.acme.Editor", "filesystems=home")]
    answer(text)
    assert main(["update", "editor"]) == 6
    kept = "Kept org.acme.Editor 1.4: needs approval (appctl update org.acme.Editor)\n"
    err = capsys.readouterr().err
    assert err.endswith(kept)
    assert "error" not in err


def several() -> Script:
    """One went well, two want more, one failed."""
    asked = {"error": "NeedsApproval", "error-message": "it asks for more", "state": "needs-approval"}
    items = [
        {"id": "org.acme.Editor", "state": "succeeded"},
        {"id": "org.acme.Viewer", **asked, "error-details": {"permissions": ["filesystems=home"]}},
        {
            "id": "org.acme.Pager",
            **asked,
            "error-details": {"permissions": ["devices=dri"], "permissions-hash": "h2"},
        },
        {"id": "org.acme.Tool", "state": "failed", "error": "UntrustedSigner", "hint": "appctl help trust",
         "error-message": "x is signed by Y", "error-details": {"trusted": ["Z"], "note": "1 still runs."}},
    ]  # fmt: skip
    return Script({"State": "partly-failed", "Items": items, "Result": {"apps": [EDITOR]},
                   "ErrorName": ERROR + "NeedsApproval", "ErrorMessage": "it asks for more"})  # fmt: skip


def test_what_went_wrong_is_said_app_by_app_and_whole(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.scripts["Update"] = [several()]
    assert main(["update", "--noninteractive"]) == 6
    out, err = capsys.readouterr()
    assert "Updated org.acme.Editor" in out
    assert err.splitlines() == [
        "error: org.acme.Viewer: it asks for more",
        "error: org.acme.Pager: it asks for more",
        "error: org.acme.Tool: x is signed by Y",
        "  trusted: Z. 1 still runs.",
        "hint: appctl help trust",
    ]


def test_only_what_was_granted_is_tried_again(daemon: FakeInstaller, answer: Answer, capsys: Capture) -> None:
    daemon.scripts["Update"] = [several(), done(EDITOR | {"id": "org.acme.Pager"})]
    answer("n\ny\n")
    assert main(["update", "--json"]) == 6
    assert daemon.called("Update").body[0] == ["org.acme.Pager"]
    assert options_of(daemon, "Update")["permissions-hashes"] == ["h2"], "and only what was shown"
    out, err = capsys.readouterr()
    assert err.count("[y/N]") == 2
    document = json.loads(out)
    assert [app["id"] for app in document["apps"]] == ["org.acme.Editor", "org.acme.Pager"]
    assert [error["name"] for error in document["errors"]] == ["NeedsApproval", "UntrustedSigner"]


def test_every_name_is_tried(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.apps = [EDITOR | {"scope": "user"}]
    daemon.scripts["Update"] = [done(EDITOR | {"previous-version": "1.3"})]
    assert main(["update", "nosuch", "editor"]) == 3
    out, err = capsys.readouterr()
    assert "Updated org.acme.Editor" in out
    assert "nosuch is not installed" in err


BROKEN = {"id": "org.acme.Editor", "error": "Offline", "message": "there is no network", "hint": "look"}


@pytest.mark.parametrize(("updates", "code", "out", "err"), [
    ([], 2, "", "There are no updates.\n"),
    ([{"id": "org.acme.Editor", "version": "1", "update-version": "2", "update-size": 8_000_000}],
     0, "org.acme.Editor 1 -> 2   8 MB\n", ""),
    ([BROKEN], 75, "", "error: org.acme.Editor could not be checked: there is no network\nhint: look\n"),
])  # fmt: skip
def test_update_check(
    updates: list[dict[str, Any]], code: int, out: str, err: str, daemon: FakeInstaller, capsys: Capture
) -> None:
    daemon.scripts["CheckUpdates"] = [Script({"State": "succeeded", "Result": {"updates": updates}})] * 2
    assert main(["update", "--check"]) == code
    assert capsys.readouterr() == (out, err)
    main(["update", "--check", "-q"])
    assert "no updates" not in capsys.readouterr().err


def test_a_detached_update_says_nothing_of_what_it_does_not_know(
    daemon: FakeInstaller, capsys: Capture
) -> None:
    daemon.scripts["Update"] = [Script(None), Script(None)]
    assert main(["update", "-d"]) == 0
    assert capsys.readouterr().out == "/org/appctl/Installer1/job/1\n"
    assert main(["update", "--detach", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["jobs"] == ["/org/appctl/Installer1/job/2"]
    assert (document["changed"], document["apps"], document["errors"]) == (False, [], [])
