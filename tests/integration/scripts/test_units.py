# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The units as systemd reads them: it returns 0 on unknown keys, so only its silence counts."""

import configparser
import re
import subprocess
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).parents[3] / "systemd"
PROGRAM = "/usr/lib/appctl/venv/bin/"
UNITS = sorted(path for pattern in ("*.service", "*.timer") for path in SYSTEMD.rglob(pattern))


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: str(unit.relative_to(SYSTEMD)))
def test_systemd_has_nothing_to_say_about_a_unit(unit: Path, tmp_path: Path) -> None:
    """Its program is not installed here: a stand-in takes its place."""
    for other in unit.parent.glob("*.*"):
        if other.suffix in {".service", ".timer"}:
            text = other.read_text().replace(PROGRAM, "/usr/bin/true --as=")
            (tmp_path / other.name).write_text(text)
    which = ["--user"] if unit.parent.name == "user" else []
    command = ["systemd-analyze", *which, "verify", "--man=no", str(tmp_path / unit.name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = [line for line in done.stderr.splitlines() if "appctl" in line]
    assert (done.stdout, said) == ("", [])


TIMERS = {"update": ("daily", "4h"), "verify": ("weekly", "24h")}


def read(unit: Path) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False)
    parser.read(unit)
    return parser


@pytest.mark.parametrize("scope", ["system", "user"])
@pytest.mark.parametrize("command", TIMERS)
def test_what_runs_by_itself_runs_at_a_time_of_its_own_and_out_of_the_way(command: str, scope: str) -> None:
    directory = SYSTEMD / "user" if scope == "user" else SYSTEMD
    timer = read(directory / f"appctl-{command}.timer")["Timer"]
    unit = read(directory / f"appctl-{command}.service")
    assert (timer["OnCalendar"], timer["RandomizedDelaySec"]) == TIMERS[command]
    assert (timer["FixedRandomDelay"], timer["Persistent"]) == ("yes", "yes")
    assert unit["Unit"]["ConditionACPower"] == "true"
    service = unit["Service"]
    assert service["ExecStart"] == f"{PROGRAM}appctl --{scope} {command} --background --noninteractive"
    assert (service["Nice"], service["IOSchedulingClass"]) == ("19", "idle")


@pytest.mark.parametrize("command", TIMERS)
def test_what_the_system_does_by_itself_is_the_daemons_user_and_has_no_network(command: str) -> None:
    text = (SYSTEMD / f"appctl-{command}.service").read_text()
    assert re.search(r"^User=appctl$", text, re.MULTILINE)
    assert re.search(r"^PrivateNetwork=yes$", text, re.MULTILINE)


def test_what_waits_for_somebody_or_something_is_no_failure_of_an_update() -> None:
    for unit in (SYSTEMD / "appctl-update.service", SYSTEMD / "user/appctl-update.service"):
        assert read(unit)["Service"]["SuccessExitStatus"] == "6 75"
