# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl update`: new permissions are asked about app by app, and everything is tried."""

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from appctl.__main__ import main
from support.buses.bus import ERROR
from support.buses.commands import EDITOR, done, options_of
from support.buses.fake_installer import FakeInstaller, Script, failed

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


D2, D3 = (f"sha256:{digit * 64}" for digit in "23")
NEWER: dict[str, Any] = {
    "id": "org.acme.Viewer", "version": "2.0", "update-version": "2.1", "update-size": 1_000_000,
    "image-digest": D2, "permissions-hash": "h2",
}  # fmt: skip
MORE: dict[str, Any] = {
    "id": "org.acme.Editor", "version": "1.4", "update-version": "1.5\x1b", "update-size": 8_000_000,
    "image-digest": D3, "permissions-hash": "h3",
    "new-permissions": ("a(sss)", [("filesystems", "home", "leaves the sandbox"),
                                   ("session-bus", "a.b\u202e:talk", "leaves the sandbox")]),
}  # fmt: skip
VIEWER = EDITOR | {"id": "org.acme.Viewer", "version": "2.1", "previous-version": "2.0"}
LINES = (
    "org.acme.Editor 1.4 -> 1.5\\x1b   8 MB   NEW: all your files (home); talk to a.b\\u202e\n"
    "org.acme.Viewer 2.0 -> 2.1   1 MB\n"
)


def found(*updates: dict[str, Any]) -> list[Script]:
    """What a check says."""
    return [Script({"State": "succeeded", "Result": {"updates": list(updates)}})]


def refused(app: str, *permissions: str) -> Script:
    """One app alone wants more: the job's own error says so."""
    details = {"app": app, "permissions": list(permissions), "permissions-hash": "h3", "digest": D3}
    return Script({"State": "needs-approval", "ErrorName": ERROR + "NeedsApproval",
                   "ErrorMessage": "it asks for more", "ErrorDetails": details})  # fmt: skip


def asked(daemon: FakeInstaller, *members: str) -> list[tuple[str, object]]:
    """What was asked for, in its order."""
    return [(call.member, call.body[0]) for call in daemon.calls if call.member in {"Update", *members}]


@pytest.mark.parametrize("text", ["s\n", "maybe\nskip\n"])
def test_what_asks_for_more_is_skipped_and_the_rest_updated(
    text: str, daemon: FakeInstaller, answer: Answer, capsys: Capture
) -> None:
    daemon.scripts["CheckUpdates"] = found(MORE, NEWER)
    daemon.scripts["Update"] = [done(VIEWER)]
    answer(text)
    assert main(["update"]) == 6
    assert asked(daemon, "Approve") == [("Update", ["org.acme.Viewer"])]
    out, err = capsys.readouterr()
    assert out == "Updated Viewer 2.1.\n"
    question = "Update both? [y/N/s(kip new permissions)] "
    assert err.replace(question, "", err.count(question) - 1) == (
        f"{LINES}{question}Kept Editor 1.4: needs approval (appctl update editor)\n"
    )


def test_what_was_shown_is_approved_and_nothing_else(
    daemon: FakeInstaller, answer: Answer, capsys: Capture
) -> None:
    daemon.scripts["CheckUpdates"] = found(MORE, NEWER)
    daemon.scripts["Update"] = [done(VIEWER)]
    daemon.scripts["Approve"] = [done(EDITOR | {"version": "1.5"})]
    answer("y\n")
    assert main(["update"]) == 0
    assert asked(daemon, "Approve") == [("Update", ["org.acme.Viewer"]), ("Approve", "org.acme.Editor")]
    given = options_of(daemon, "Approve")
    assert (given["accept-permissions"], given["expected-digest"]) == ("h3", D3)
    assert "accept-permissions" not in options_of(daemon, "Update")
    assert capsys.readouterr().out == "Updated Viewer 2.1.\nUpdated Editor 1.5.\n"
    assert [call.member for call in daemon.calls].count("List") == 1, "what is installed stays the same"


@pytest.mark.parametrize("text", ["n\n", "\n", ""])
def test_a_no_changes_nothing(text: str, daemon: FakeInstaller, answer: Answer, capsys: Capture) -> None:
    daemon.scripts["CheckUpdates"] = found(MORE, NEWER)
    answer(text)
    assert main(["update", "--json"]) == 6
    assert asked(daemon, "Approve") == []
    out, err = capsys.readouterr()
    assert err.endswith("Nothing was changed.\n")
    assert [error["name"] for error in json.loads(out)["errors"]] == ["NeedsApproval"]


def test_of_one_app_there_is_nothing_to_skip(daemon: FakeInstaller, answer: Answer, capsys: Capture) -> None:
    daemon.apps = [EDITOR | {"scope": "user"}]
    daemon.scripts["CheckUpdates"] = found(MORE)
    answer("s\nn\n")
    assert main(["update", "editor"]) == 6
    assert options_of(daemon, "CheckUpdates")["ids"] == ["org.acme.Editor"]
    assert capsys.readouterr().err.count("Update? [y/N] ") == 2


def test_what_could_not_be_looked_at_is_tried_and_told(
    daemon: FakeInstaller, answer: Answer, capsys: Capture
) -> None:
    broken = {"id": "org.acme.Tool", "version": "1", "error": "Offline"}
    daemon.scripts["CheckUpdates"] = found(MORE, NEWER, broken)
    daemon.scripts["Update"] = [failed("Offline", "org.acme.Tool: there is no network")]
    answer("s\n")
    assert main(["update"]) == 75
    assert asked(daemon, "Approve") == [("Update", ["org.acme.Viewer", "org.acme.Tool"])]


def test_what_is_held_is_no_part_of_the_question(daemon: FakeInstaller, answer: Answer) -> None:
    daemon.scripts["CheckUpdates"] = found(MORE | {"held": True}, NEWER)
    daemon.scripts["Update"] = [done(VIEWER)]
    answer("")
    assert main(["update"]) == 0
    assert asked(daemon, "Approve") == [("Update", [])]


def test_where_nothing_new_is_asked_for_nobody_is(
    daemon: FakeInstaller, answer: Answer, capsys: Capture
) -> None:
    daemon.scripts["CheckUpdates"] = found(NEWER)
    daemon.scripts["Update"] = [done(VIEWER)]
    answer("")
    assert main(["update"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("words", [["-y"], ["--background"], ["--noninteractive"], []])
def test_nobody_else_approves_anything(
    words: list[str], daemon: FakeInstaller, answer: Answer, capsys: Capture
) -> None:
    if words:  # else there is no terminal
        answer("y\n")
    daemon.scripts["Update"] = [refused("org.acme.Editor", "shared=network")]
    assert main(["update", *words]) == 6
    assert asked(daemon, "Approve", "CheckUpdates") == [("Update", [])]
    assert "accept-permissions" not in options_of(daemon, "Update")
    assert "it asks for more" in capsys.readouterr().err


def test_its_own_option_approves_what_the_daemon_says_that_is_asked(
    daemon: FakeInstaller, capsys: Capture
) -> None:
    daemon.scripts["Update"] = [refused("org.acme.Editor", "shared=network")]
    daemon.scripts["Approve"] = [done(EDITOR | {"previous-version": "1.3"})]
    assert main(["update", "-y", "--accept-permissions"]) == 0
    assert asked(daemon, "Approve") == [("Update", []), ("Approve", "org.acme.Editor")]
    given = options_of(daemon, "Approve")
    assert (given["accept-permissions"], given["expected-digest"]) == ("h3", D3)
    out, err = capsys.readouterr()
    assert (out.startswith("Updated org.acme.Editor 1.3 -> 1.4"), err) == (True, "")


def several() -> Script:
    """One went well, two want more, one failed."""
    asked = {"error": "NeedsApproval", "error-message": "it asks for more", "state": "needs-approval"}
    items = [
        {"id": "org.acme.Editor", "state": "succeeded"},
        {"id": "org.acme.Viewer", **asked, "error-details": {"permissions": ["filesystems=home"]}},
        {
            "id": "org.acme.Pager",
            **asked,
            "error-details": {"permissions": ["devices=dri"], "permissions-hash": "h2", "digest": D2},
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


def test_its_own_option_approves_each_and_hides_no_failure(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.scripts["Update"] = [several()]
    daemon.scripts["Approve"] = [done(EDITOR | {"id": "org.acme.Pager"})]
    assert main(["update", "--accept-permissions", "--json"]) == 6
    assert asked(daemon, "Approve") == [("Update", []), ("Approve", "org.acme.Pager")]
    document = json.loads(capsys.readouterr().out)
    assert [app["id"] for app in document["apps"]] == ["org.acme.Editor", "org.acme.Pager"]
    names = [error["name"] for error in document["errors"]]
    assert names == ["NeedsApproval", "UntrustedSigner"], "what says no hash cannot be approved"


@pytest.mark.parametrize("words", [[], ["editor"]])
def test_a_login_goes_with_the_update_of_what_came_from_there(
    words: list[str], daemon: FakeInstaller
) -> None:
    login = {"auths": {"quay.io": {"auth": base64.b64encode(b"alice:secret").decode()}}}
    place = Path(os.environ["HOME"], ".docker")
    place.mkdir()
    (place / "config.json").write_text(json.dumps(login))
    daemon.apps = [EDITOR | {"scope": "user"}]
    daemon.scripts["Update"] = [done(EDITOR)]
    assert main(["update", "-y", *words]) == 0
    (given,) = options_of(daemon, "Update")["registry-auth"]
    assert (given["host"], given["username"]) == (("s", "quay.io/acme/editor"), ("s", "alice"))


def test_every_name_is_tried(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.apps = [EDITOR | {"scope": "user"}]
    daemon.scripts["Update"] = [done(EDITOR | {"previous-version": "1.3"})]
    assert main(["update", "nosuch", "editor"]) == 3
    out, err = capsys.readouterr()
    assert "Updated org.acme.Editor" in out
    assert "nosuch is not installed" in err


def test_a_check_shows_what_is_held_and_does_not_count_it(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.apps = [VIEWER | {"scope": "user"}]
    daemon.scripts["CheckUpdates"] = found(NEWER | {"held": True}) * 2
    assert main(["update", "--check"]) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("org.acme.Viewer 2.0 -> 2.1   1 MB   (held)\n", "There are no other updates.\n")
    assert main(["update", "--check", "viewer"]) == 0
    assert options_of(daemon, "CheckUpdates")["ids"] == ["org.acme.Viewer"]


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


CANCELLED = Script({"State": "cancelled", "ErrorName": ERROR + "Cancelled", "ErrorMessage": "cancelled"})


def test_after_ctrl_c_nothing_that_was_agreed_to_is_begun(daemon: FakeInstaller, answer: Answer) -> None:
    daemon.scripts["CheckUpdates"] = found(MORE, NEWER)
    daemon.scripts["Update"] = [CANCELLED]
    answer("y\n")
    assert main(["update"]) == 130
    assert asked(daemon, "Approve") == [("Update", ["org.acme.Viewer"])]


def test_after_ctrl_c_no_other_update_is_approved(daemon: FakeInstaller) -> None:
    details = {"permissions": ["x=y"], "permissions-hash": "h", "digest": D3}
    items = [
        {
            "id": app,
            "error": ERROR + "NeedsApproval",
            "error-message": "more",
            "error-details": details | {"app": app},
        }
        for app in ("org.acme.Editor", "org.acme.Viewer")
    ]
    daemon.scripts["Update"] = [Script({"State": "needs-approval", "Items": items})]
    daemon.scripts["Approve"] = [CANCELLED]
    assert main(["update", "--accept-permissions"]) == 130
    assert asked(daemon, "Approve") == [("Update", []), ("Approve", "org.acme.Editor")]


def test_who_leaves_cannot_accept_what_is_not_known_yet(daemon: FakeInstaller) -> None:
    assert main(["update", "--accept-permissions", "--detach"]) == 64
    assert asked(daemon, "Approve") == []
