# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""docs/administrators.md: every key that it names is read, every key that is read stands in it."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from appctl.actions.apply.declared import KEYS as APP_KEYS
from appctl.commandline.commands import COMMANDS, REMOTE_COMMANDS
from appctld.bus.polkit import ACTIONS
from appctld.config.policy.files import KEYS as POLICY_KEYS
from appctld.config.policy.files import read_policy
from appctld.config.settings import KEYS as REMOTE_KEYS
from appctld.system.journal import FIELDS
from man_pages import APPS, POLICY, SETTINGS

TOP = Path(__file__).resolve().parents[3]
TEXT = (TOP / "docs/administrators.md").read_text()


def section(heading: str) -> str:
    """What stands below a heading, up to the next."""
    return TEXT.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def table(heading: str) -> dict[str, str]:
    """The rows of the table there: what is in backticks, and what it means."""
    return dict(re.findall(r"^\| `([\w-]+)` \| (.+) \|$", section(heading), re.MULTILINE))


@pytest.mark.parametrize(
    ("heading", "manual", "read"),
    [
        ("Remotes: whom a machine trusts", SETTINGS, REMOTE_KEYS),
        ("Policy: what a machine may install", POLICY, POLICY_KEYS),
        ("Apply: what a machine is to have", APPS, APP_KEYS),
    ],
)
def test_every_key_is_read_and_stands_here_in_the_words_of_the_manual(
    heading: str, manual: dict[str, str], read: tuple[str, ...]
) -> None:
    assert set(table(heading)) == set(read)
    assert table(heading) == manual


def test_every_metric_stands_here() -> None:
    source = (TOP / "client/appctl/actions/metrics/gather.py").read_text()
    told = set(re.findall(r"`(appctl_\w+)", section("Metrics: what many machines have")))
    assert told == set(re.findall(r'Family\(\s*"(\w+)"', source))


def who_may_do_what() -> list[tuple[str, str, str]]:
    """Action, methods and default of each row."""
    row = r"^\| `([\w-]+)` \| .+ \| ([\w, ]+) \| (\w+) \|$"
    return re.findall(row, section("Who may do what"), re.MULTILINE)


def test_who_may_do_what_is_as_polkit_is_told() -> None:
    policy = ET.parse(TOP / "data/polkit/org.appctl.Installer1.policy")  # noqa: S314 - our own file
    asked = {
        action.attrib["id"].rpartition(".")[2]: action.findtext("defaults/allow_active")
        for action in policy.iter("action")
    }
    rows = who_may_do_what()
    assert ({action: default for action, _, default in rows}, set(asked)) == (asked, set(ACTIONS))


def test_the_methods_that_an_action_allows_are_those_of_the_interface() -> None:
    interface = ET.parse(TOP / "data/dbus/org.appctl.Installer1.xml")  # noqa: S314 - our own file
    asked: dict[str, set[str]] = {}
    for method in interface.iter("method"):
        for note in method.iterfind("annotation"):
            if not note.attrib["name"].startswith("org.appctl.Action"):
                continue
            asked.setdefault(note.attrib["value"].lstrip("+"), set()).add(method.attrib["name"])
    del asked["none"]
    assert {action: set(methods.split(", ")) for action, methods, _ in who_may_do_what()} == asked


def test_the_fields_of_the_journal() -> None:
    assert set(table("The journal, and the history")) == set(FIELDS)


def test_every_key_in_running_text_is_one() -> None:
    named = set(re.findall(r"`([a-z][a-z-]+) =", TEXT))
    assert {"proxy", "enabled", "user-scope"} <= named <= {*REMOTE_KEYS, *POLICY_KEYS, *APP_KEYS}


def test_the_example_of_a_policy_is_one() -> None:
    (block,) = re.findall(r"(?:^    .+\n)+", section("Policy: what a machine may install"), re.MULTILINE)
    example = "".join(f"{line[4:]}\n" for line in block.splitlines())
    found = read_policy(Path("/x"), example.encode())
    assert found.places
    assert found.denials
    assert found.max_size


def test_every_command_is_there() -> None:
    typed = set(re.findall(r"appctl (remote [a-z]+|[a-z]+)", "".join(re.findall(r"`[^`]+`", TEXT))))
    known = {*COMMANDS, *(f"remote {name}" for name in REMOTE_COMMANDS)}
    assert {"login", "permissions", "remote modify"} <= typed <= known


def test_every_unit_is_there() -> None:
    units = set(re.findall(r"`(appctl[\w-]*\.(?:service|timer))`", section("Units, and what runs by itself")))
    assert units == {path.name for path in (TOP / "systemd").glob("appctl*")}
