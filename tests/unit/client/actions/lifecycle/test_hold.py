# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl hold` and `unhold`, and how an app that is held is told."""

import json

import pytest

from appctl.__main__ import main
from support.buses.commands import EDITOR, done
from support.buses.fake_installer import FakeInstaller

Capture = pytest.CaptureFixture[str]
MINE = EDITOR | {"scope": "user"}


@pytest.mark.parametrize("command", ["hold", "unhold"])
@pytest.mark.parametrize("before", [True, False])
def test_an_app_is_held_or_let_go(command: str, before: bool, daemon: FakeInstaller, capsys: Capture) -> None:  # noqa: FBT001
    daemon.apps = [MINE | {"held": before}]
    wanted = command == "hold"
    assert main([command, "editor"]) == 0
    asked = [call.body for call in daemon.calls if call.member == "SetHold"]
    assert asked == ([] if before is wanted else [("org.acme.Editor", wanted)])
    assert ("already" in capsys.readouterr().out) is (before is wanted)
    assert main([command, "editor", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == {
        "changed": before is not wanted, "id": "org.acme.Editor", "scope": "user", "held": wanted,
    }  # fmt: skip


def test_what_is_not_installed_cannot_be_held(daemon: FakeInstaller, capsys: Capture) -> None:
    assert main(["hold", "editor"]) == 3
    assert "editor is not installed" in capsys.readouterr().err


def test_what_was_left_alone_is_named_with_what_to_type(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.scripts["Update"] = [done(MINE | {"changed": False, "held": True})]
    assert main(["update"]) == 0
    assert capsys.readouterr().out == (
        "org.acme.Editor 1.4 is held (appctl unhold org.acme.Editor).\nEverything else is up to date.\n"
    )


def test_list_and_info_say_that_it_is_held(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.apps = [MINE | {"held": True}]
    assert main(["list", "--columns", "id,held"]) == 0
    assert capsys.readouterr().out.split()[-2:] == ["org.acme.Editor", "held"]
    assert main(["info", "editor"]) == 0
    assert "appctl unhold org.acme.Editor" in capsys.readouterr().out
