# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""docs/administrators.md: every key that it names is read, every key that is read stands in it."""

import re
import shlex
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from appctl.actions.apply.declared import KEYS as APP_KEYS
from appctl.commandline.commands import COMMANDS, REMOTE_COMMANDS
from appctl.commandline.parser import parse
from appctld.bus.polkit import ACTIONS
from appctld.config.policy.files import KEYS as POLICY_KEYS
from appctld.config.policy.files import read_policy
from appctld.config.settings import KEYS as REMOTE_KEYS
from appctld.errors import leaves
from appctld.jobs.job import State
from appctld.system.journal import FIELDS
from json_schemas import schemas
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


def typed(heading: str, program: str) -> list[str]:
    """The lines there that begin with a program, or have it in them."""
    return [line.strip() for line in section(heading).splitlines() if re.match(rf"    .*\b{program} ", line)]


def test_what_is_looked_for_in_the_journal_can_be(tmp_path: Path) -> None:
    lines = typed("The journal, and the history", "journalctl")
    assert lines
    for line in lines:
        fields = dict(re.findall(r"\b([A-Z]+)=(\S+)", line))
        assert fields.keys() <= {*FIELDS}
        assert fields.get("ERROR", "Failed") in leaves()
        command = [*shlex.split(line), "--directory", str(tmp_path), "--no-pager"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, "-- No entries --\n"), done.stderr


def test_the_line_for_cron_is_one_and_calls_what_there_is() -> None:
    (line,) = typed("Metrics: what many machines have", "appctl")
    *times, user, program, words = line.split(maxsplit=7)
    assert [re.fullmatch(r"\*(/\d+)?|\d+", time) is not None for time in times] == [True] * 5
    assert (user, program) == ("root", "appctl")
    assert parse(shlex.split(words)).command == "metrics"


def test_what_is_picked_out_of_monitor_is_in_it() -> None:
    (line,) = typed("Monitor: what happens, as it happens", "jq")
    ours, _, theirs = line.partition(" | ")
    assert parse(ours.split()[1:]).json
    event = schemas()["event"]["properties"]
    compared = dict(re.findall(r'\.(\w+) == "(\w+)"', theirs))
    assert compared.keys() == {"event", "state"} <= event.keys()
    assert compared["event"] in event["event"]["enum"]
    assert compared["state"] in {state.value for state in State}


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
