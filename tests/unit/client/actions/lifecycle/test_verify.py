# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl verify` and `repair`: what is said, and which exit code says it."""

import json
from typing import Any

import pytest

from appctl.__main__ import main
from support.buses.bus import ERROR
from support.buses.commands import EDITOR, options_of
from support.buses.fake_installer import FakeInstaller, Script

Capture = pytest.CaptureFixture[str]

GOOD = {
    "id": "org.acme.Editor", "version": "1.4", "current": True, "state": "good", "signature": "good",
    "words": "1 signatures hold",
}  # fmt: skip
OBJECT = {
    "fault": "object", "what": "the file object 12 is not what it was",
    "apps": ["org.acme.Editor", "org.b.C"], "deployments": ["org.acme.Editor/1.0"], "object": "12.file",
    "path": "",
}  # fmt: skip
ACTION = {
    "id": "org.acme.Editor",
    "deployment": "1.0",
    "action": "restore",
    "words": "7 bytes\x1b",
    "done": True,
}


def ended(error: str = "", /, **result: Any) -> Script:  # noqa: ANN401 - as the job has it
    """The end of a job, which failed for the app if an error is given."""
    job: dict[str, Any] = {"State": "succeeded", "Result": result}
    if error:
        item = {
            "id": "org.acme.Editor",
            "state": "failed",
            "error": error,
            "error-message": "org.acme.Editor is bad",
            "hint": "appctl repair",
        }
        job |= {"State": "failed", "Items": [item], "ErrorName": f"{ERROR}{error}", "ErrorMessage": "bad"}
    return Script(job)


def test_all_is_well(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.scripts["Verify"] = [ended(**{"apps": [GOOD], "bytes-checked": 97_000_000})]
    assert main(["verify"]) == 0
    assert daemon.called("Verify").body[0] == []
    out = capsys.readouterr().out
    assert out == "org.acme.Editor 1.4: good; 1 signatures hold\n97 MB checked, 0 problems.\n"


@pytest.mark.parametrize(("error", "code"), [("RepoCorrupt", 1), ("UntrustedSigner", 5)])
def test_what_is_wrong_is_named_and_has_its_exit_code(
    daemon: FakeInstaller, capsys: Capture, error: str, code: int
) -> None:
    bad = GOOD | {"state": "damaged", "current": False}
    daemon.scripts["Verify"] = [
        ended(error, **{"apps": [bad], "problems": [OBJECT], "problems-total": 3})
    ] * 2
    assert main(["verify"]) == code
    out, err = capsys.readouterr()
    assert "org.acme.Editor 1.4 (kept): DAMAGED; 1 signatures hold" in out
    assert "  object: the file object 12 is not what it was (org.acme.Editor, org.b.C)\n" in out
    assert "1 and 2 more problems" in out
    assert "error: org.acme.Editor is bad\nhint: appctl repair" in err
    assert main(["verify", "--json"]) == code
    document = json.loads(capsys.readouterr().out)
    assert document["changed"] is False
    assert (document["problems"], document["problems_total"]) == ([OBJECT], 3)
    assert document["errors"][0]["name"] == error


def test_apps_are_named_as_everywhere(daemon: FakeInstaller) -> None:
    daemon.apps = [EDITOR | {"scope": "user"}]
    daemon.scripts["Verify"] = [ended(apps=[GOOD])]
    assert main(["verify", "editor", "--background"]) == 0
    assert daemon.called("Verify").body[0] == ["org.acme.Editor"]
    assert options_of(daemon, "Verify") == {"background": True}
    assert main(["verify", "nothing"]) == 3


def test_a_repair_says_what_it_did(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.apps = [EDITOR | {"scope": "user"}]
    daemon.scripts["Repair"] = [ended(actions=[ACTION], left=0), ended(), ended(actions=[ACTION], left=0)]
    assert main(["repair"]) == 0
    assert capsys.readouterr().out == "org.acme.Editor 1.0: restore: 7 bytes\\x1b\n"
    assert main(["repair"]) == 0
    assert capsys.readouterr().out == "Nothing is damaged.\n"
    assert main(["repair", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["changed"], document["left"], document["actions"][0]["done"]) == (True, 0, True)


def test_a_dry_run_changes_nothing_and_fails_as_verify_does(daemon: FakeInstaller, capsys: Capture) -> None:
    planned = ACTION | {"done": False}
    daemon.scripts["Repair"] = [ended("RepoCorrupt", actions=[planned], left=1)]
    assert main(["repair", "--dry-run", "--json"]) == 1
    assert options_of(daemon, "Repair")["dry-run"] is True
    assert json.loads(capsys.readouterr().out)["changed"] is False
