# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An app in both scopes: reads show both, what changes something asks which, `run` takes the caller's own."""

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appctl.__main__ import main
from support.buses.bus import private_bus
from support.buses.commands import EDITOR, done
from support.buses.fake_installer import FakeInstaller, Script, failed

Capture = pytest.CaptureFixture[str]
CHANGING = ["update", "uninstall", "rollback"]


@pytest.fixture
def system(daemon: FakeInstaller, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeInstaller]:
    """A daemon for all users, beside the caller's own; both have the app."""
    with tempfile.TemporaryDirectory(prefix="bus.") as place, private_bus(Path(place)) as address:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
        with FakeInstaller(address) as fake:
            fake.apps = [EDITOR | {"scope": "system", "version": "1.4"}]
            daemon.apps = [EDITOR | {"scope": "user", "version": "1.5"}]
            yield fake


@pytest.mark.parametrize("command", CHANGING)
@pytest.mark.parametrize("name", ["editor", "org.acme.Editor", "quay.io/acme/editor"])
def test_what_changes_something_asks_which(
    command: str, name: str, system: FakeInstaller, daemon: FakeInstaller, capsys: Capture
) -> None:
    assert main([command, "-y", name]) == 64
    assert capsys.readouterr().err == (
        "error: org.acme.Editor is installed in both scopes\nhint: say --system or --user\n"
    )
    for fake in (system, daemon):
        assert command.capitalize() not in [call.member for call in fake.calls]


@pytest.mark.parametrize("command", CHANGING)
def test_the_one_that_is_said_is_changed(command: str, system: FakeInstaller, daemon: FakeInstaller) -> None:
    system.scripts[command.capitalize()] = [done(EDITOR)]
    assert main([command, "-y", "--system", "editor"]) == 0
    assert command.capitalize() not in [call.member for call in daemon.calls]


@pytest.mark.parametrize(
    ("words", "job"), [("update -y", "Update"), ("repair", "Repair"), ("remote refresh", "Refresh")]
)
def test_what_is_about_one_scope_asks_the_other_nothing(
    words: str, job: str, system: FakeInstaller, daemon: FakeInstaller
) -> None:
    daemon.scripts[job] = [Script()]
    assert main(words.split()) == 0
    assert [call.member for call in daemon.calls].count("List") == 1
    assert system.calls == []


def test_reads_show_both(system: FakeInstaller, capsys: Capture) -> None:
    assert main(["list", "--columns=id,version,scope"]) == 0
    assert [line.split()[1:] for line in capsys.readouterr().out.splitlines()[1:]] == [
        ["1.4", "system"],
        ["1.5", "user"],
    ]
    assert main(["info", "editor"]) == 0
    assert "org.acme.Editor 1.5" in capsys.readouterr().out, "of the default scope"


@pytest.mark.parametrize("command", ["update", "uninstall"])
def test_after_ctrl_c_the_other_scope_is_left_alone(
    command: str, system: FakeInstaller, daemon: FakeInstaller
) -> None:
    system.apps = [EDITOR | {"id": "org.acme.Viewer", "scope": "system"}]
    daemon.scripts[command.capitalize()] = [failed("Cancelled")]
    assert main([command, "-y", "editor", "viewer"]) == 130
    assert command.capitalize() not in [call.member for call in system.calls]


def test_a_no_in_one_scope_hides_nothing_of_the_other(
    system: FakeInstaller, daemon: FakeInstaller, answer: Callable[[str], None], capsys: Capture
) -> None:
    system.apps = [EDITOR | {"id": "org.acme.Viewer", "scope": "system"}]
    more = {"id": "org.acme.Viewer", "new-permissions": ("a(sss)", [("shared", "network", "risk")])}
    daemon.scripts = {
        "CheckUpdates": [Script({"State": "succeeded", "Result": {"updates": []}})],
        "Update": [done(EDITOR)],
    }
    system.scripts["CheckUpdates"] = [Script({"State": "succeeded", "Result": {"updates": [more]}})]
    answer("n\n")
    assert main(["update", "--json", "editor", "viewer"]) == 6
    assert json.loads(capsys.readouterr().out)["changed"] is True
