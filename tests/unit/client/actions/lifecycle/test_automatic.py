# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl automatic`, and what an update says that nobody asked for."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from appctl.__main__ import main
from appctl.actions.lifecycle.automatic import WAITS
from support.buses.commands import EDITOR, done
from support.buses.fake_installer import FakeInstaller, Script, variants

Capture = pytest.CaptureFixture[str]
MINE = EDITOR | {"scope": "user", "changed": False}
SYSTEMD = Path(__file__).parents[5] / "systemd"
UNITS = (SYSTEMD / "appctl-update.service", SYSTEMD / "user/appctl-update.service")
LAST: dict[str, Any] = {"time": 1_700_000_000, "extent": "check", "because": ["metered", "policy"]}


@pytest.fixture
def known(daemon: FakeInstaller) -> FakeInstaller:
    daemon.manager |= {
        "AutomaticUpdatePolicy": ("s", "download"),
        "LastAutomaticUpdate": ("a{sv}", variants(LAST)),
    }
    return daemon


def test_it_says_how_far_updates_go_and_how_the_last_one_went(known: FakeInstaller, capsys: Capture) -> None:
    assert main(["automatic"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == "Updates are downloaded, and wait for: appctl update"
    assert second.endswith(
        ": updates were only looked for: the network is metered, so it is decided here (appctl automatic)."
    )
    assert not [call for call in known.calls if call.member == "SetAutomaticUpdatePolicy"]


def test_what_failed_is_said(known: FakeInstaller, capsys: Capture) -> None:
    last = {"time": 1, "extent": "install", "error": "Offline\x1b[2J"}
    known.manager["LastAutomaticUpdate"] = ("a{sv}", variants(last))
    assert main(["automatic"]) == 0
    out = capsys.readouterr().out
    assert "It failed: Offline" in out
    assert "\x1b" not in out


def test_that_none_went_so_far_is_said(known: FakeInstaller, capsys: Capture) -> None:
    known.manager["LastAutomaticUpdate"] = ("a{sv}", variants({"time": 0, "extent": "none"}))
    assert main(["automatic"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "None went by itself so far."


@pytest.mark.parametrize("policy", ["none", "check", "download", "install"])
def test_it_decides_how_far_also_where_that_is_shown_already(
    policy: str, known: FakeInstaller, capsys: Capture
) -> None:
    """`none` is shown, too, of a decision that cannot be read, which only another one mends."""

    def decided() -> None:
        known.manager["AutomaticUpdatePolicy"] = ("s", policy)

    known.after["SetAutomaticUpdatePolicy"] = decided
    assert main(["automatic", policy, "--json"]) == 0
    asked = [call.body for call in known.calls if call.member == "SetAutomaticUpdatePolicy"]
    assert asked == [(policy,)]
    document = json.loads(capsys.readouterr().out)
    assert (document["policy"], document["changed"]) == (policy, policy != "download")
    assert (document["scope"], document["last"]["because"]) == ("user", ["metered", "policy"])


@pytest.mark.parametrize("policy", ["install", "download"])
def test_what_an_administrator_decided_is_refused(policy: str, known: FakeInstaller, capsys: Capture) -> None:
    """Also where it is what is shown: it would not be what somebody decided here."""
    text = "/etc/appctl/policy.d/site.conf: it says automatic-updates = check, and nobody else does"
    known.errors["SetAutomaticUpdatePolicy"] = ("PolicyDenied", text, "ask the administrator", {})
    assert main(["automatic", policy]) == 4
    assert text in capsys.readouterr().err


def test_another_word_is_refused(known: FakeInstaller, capsys: Capture) -> None:
    assert main(["automatic", "always"]) == 64
    assert known.calls == []


def background(daemon: FakeInstaller, extent: str, *why: str, **more: object) -> None:
    result = {"apps": [MINE], "automatic": extent, "because": list(why), **more}
    daemon.scripts["Update"] = [Script({"State": "succeeded", "Result": result})]


def test_an_update_that_only_looked_says_so_and_how_many_there_are(
    daemon: FakeInstaller, capsys: Capture
) -> None:
    updates = [{"id": "org.acme.Editor", "error": ""}, {"id": "org.acme.Viewer", "error": "Offline"}]
    background(daemon, "check", "battery", updates=updates)
    assert main(["update", "--background"]) == 0
    assert capsys.readouterr().out == (
        "Updates were only looked for: the machine runs on its battery. There are 1.\n"
    )


def test_what_kept_an_update_back_stands_in_the_document(daemon: FakeInstaller, capsys: Capture) -> None:
    background(daemon, "none", "clock")
    assert main(["update", "--background", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["automatic"], document["because"]) == ("none", ["clock"])


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (["NeedsApproval", "UntrustedSigner", "NoSpace"], 5),
        (["RegistryUnavailable", "NoSpace", "UntrustedSigner"], 7),
        (["NeedsApproval", "Offline"], 6),
        (["Offline", "NeedsApproval"], 75),
    ],
)
def test_what_only_waits_hides_no_failure_from_the_timer(
    names: list[str], code: int, daemon: FakeInstaller
) -> None:
    items = [{"id": f"a.b.C{n}", "state": "failed", "error": name} for n, name in enumerate(names)]
    daemon.scripts["Update"] = [Script({"State": "partly-failed", "Items": items})]
    assert main(["update", "--background"]) == code


def test_what_the_unit_takes_for_no_failure_is_what_waits() -> None:
    for unit in UNITS:
        (line,) = re.findall(r"^SuccessExitStatus=(.*)$", unit.read_text(), re.MULTILINE)
        assert set(map(int, line.split())) == set(WAITS)


def test_one_that_went_all_the_way_says_what_any_update_says(daemon: FakeInstaller, capsys: Capture) -> None:
    background(daemon, "install")
    daemon.scripts["Update"].append(done(MINE))
    assert main(["update", "--background"]) == 0
    assert main(["update"]) == 0
    assert capsys.readouterr().out == "Everything is up to date.\n" * 2
