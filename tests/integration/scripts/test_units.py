# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The units as systemd reads them: it returns 0 on unknown keys, so only its silence counts."""

import configparser
import re
import subprocess
from pathlib import Path

import pytest

import exposure
from appctld.__main__ import REFUSED
from appctld.system.child import GRACE

SYSTEMD = Path(__file__).parents[3] / "systemd"
NAME = "org.appctl.Installer1"
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


@pytest.mark.parametrize("unit", sorted(SYSTEMD.glob("*.service")), ids=lambda unit: unit.name)
def test_what_systemd_holds_against_a_unit_is_little_or_has_a_reason(unit: Path) -> None:
    if unit.name != "appctl.service":
        assert exposure.total(unit) <= 0.5  # they only talk to the bus
        return
    reasons = exposure.read_reasons((SYSTEMD / "exposure.txt").read_text())
    points = exposure.points(unit, reasons)
    assert [point.setting for point in points if not point.reason] == []
    assert {point.field for point in points} == {*reasons}  # a reason for what is not so any more is none
    assert exposure.total(unit) <= 2.6


@pytest.mark.parametrize("scope", ["system", "user"])
def test_a_daemon_that_is_stuck_or_dies_is_started_again_and_one_that_cannot_run_is_not(scope: str) -> None:
    service = dict(read((SYSTEMD / "user" if scope == "user" else SYSTEMD) / "appctl.service")["Service"])
    assert service["execstart"] == f"{PROGRAM}appctld --{scope}"
    assert (service["type"], service["busname"], service["notifyaccess"]) == ("dbus", NAME, "main")
    assert float(service["watchdogsec"]) > 25  # what a client waits for an answer
    assert (service["restart"], service["restartpreventexitstatus"]) == ("on-failure", str(REFUSED))
    assert float(service["timeoutstopsec"]) > 10 * GRACE
    assert service["limitcore"] == "0"
    assert "restrictsuidsgid" not in service  # in either scope: bubblewrap needs openat2


def test_nothing_of_proc_is_covered_for_the_daemon() -> None:
    """Else a sandbox may mount no /proc of its own; a booted container does not show it (ADR 49)."""
    service = read(SYSTEMD / "appctl.service")["Service"]
    covering = [
        "ProtectKernelTunables",
        "ProtectKernelLogs",
        "ProtectHostname",
        "ProcSubset",
        "InaccessiblePaths",
    ]
    assert [key for key in covering if key in service] == []


@pytest.mark.parametrize(("scope", "verb"), [("preset", "enable"), ("user-preset", "disable")])
def test_every_timer_has_a_preset(scope: str, verb: str) -> None:
    lines = (SYSTEMD / scope / "90-appctl.preset").read_text().splitlines()
    said = {line for line in lines if not line.startswith("#")}
    timers = (SYSTEMD / "user" if scope == "user-preset" else SYSTEMD).glob("*.timer")
    assert {f"{verb} {timer.name}" for timer in timers} <= said


@pytest.mark.parametrize("scope", ["system", "session"])
def test_the_bus_starts_the_daemon_by_its_unit(scope: str) -> None:
    service = read(SYSTEMD.parent / f"data/dbus/{scope}.service.in")["D-BUS Service"]
    assert (service["Name"], service["SystemdService"]) == (NAME, "appctl.service")


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
