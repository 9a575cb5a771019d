# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""--detach: every command that starts a job leaves it, says where it is, and claims nothing of its end."""

import json

import jsonschema
import pytest

from appctl.__main__ import main
from json_schemas import schemas
from support.buses.commands import EDITOR, done, resolved
from support.buses.fake_installer import FakeInstaller, Script

Capture = pytest.CaptureFixture[str]

LEAVING = {
    "Install": ["install", "-y", "quay.io/acme/editor"],
    "Update": ["update"],
    "Uninstall": ["uninstall", "-y", "editor"],
    "Rollback": ["rollback", "editor"],
    "Verify": ["verify"],
    "Repair": ["repair"],
    "Prune": ["prune"],
    "Refresh": ["remote", "refresh"],
}
SCHEMAS = {"Verify": "verify", "Repair": "repair", "Prune": "prune", "Refresh": "refreshed"}


@pytest.mark.parametrize("member", LEAVING)
def test_a_job_that_is_left_is_named_and_nothing_is_said_of_its_end(
    member: str, daemon: FakeInstaller, capsys: Capture
) -> None:
    daemon.apps = [EDITOR]
    daemon.scripts |= {"Resolve": [resolved()] * 2, member: [Script(None), Script(None)]}
    assert main([*LEAVING[member], "-d"]) == 0
    path = capsys.readouterr().out.splitlines()[-1]
    assert path.startswith("/org/appctl/Installer1/job/")
    assert main([*LEAVING[member], "--detach", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    (path,) = document["jobs"]
    assert path.startswith("/org/appctl/Installer1/job/")
    assert document["changed"] is False
    jsonschema.validate(document, schemas()[SCHEMAS.get(member, "result")])


@pytest.mark.parametrize("member", ["Repair", "Prune"])
def test_who_asks_what_would_be_done_waits_for_the_answer(
    member: str, daemon: FakeInstaller, capsys: Capture
) -> None:
    daemon.scripts[member] = [done()]
    assert main([*LEAVING[member], "-d", "--dry-run"]) == 0
    assert "/job/" not in capsys.readouterr().out


def test_who_wants_their_data_removed_waits_for_the_end_of_the_app(
    daemon: FakeInstaller, capsys: Capture
) -> None:
    daemon.apps = [EDITOR]
    assert main(["uninstall", "-y", "-d", "--delete-data", "editor"]) == 64
    assert "--detach" in capsys.readouterr().err
