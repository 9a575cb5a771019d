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


@pytest.mark.parametrize("scope", ["system", "user"])
def test_once_a_week_a_scope_is_checked_at_a_time_of_its_own(scope: str) -> None:
    directory = SYSTEMD / "user" if scope == "user" else SYSTEMD
    timer, service = (configparser.RawConfigParser(strict=False) for _ in range(2))
    timer.read(directory / "appctl-verify.timer")
    service.read(directory / "appctl-verify.service")
    assert timer["Timer"]["OnCalendar"] == "weekly"
    assert timer["Timer"]["Persistent"] == "yes"
    assert timer["Timer"]["RandomizedDelaySec"] == "24h"
    assert service["Service"]["ExecStart"] == (
        f"{PROGRAM}appctl --{scope} verify --background --noninteractive"
    )
    assert (service["Service"]["Nice"], service["Service"]["IOSchedulingClass"]) == ("19", "idle")


def test_the_system_check_is_the_daemons_user_and_has_no_network() -> None:
    text = (SYSTEMD / "appctl-verify.service").read_text()
    assert re.search(r"^User=appctl$", text, re.MULTILINE)
    assert re.search(r"^PrivateNetwork=yes$", text, re.MULTILINE)
