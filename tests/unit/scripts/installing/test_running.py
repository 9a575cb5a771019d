# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a running system is told around a replacement of its files; stand-ins say what they were asked."""

import os
import subprocess
from pathlib import Path

import pytest

from installing.place import TOP

SCRIPT = (TOP / "scripts/lib/installing/running").read_text()
STAND_IN = """#!/bin/sh
echo "$(basename "$0") $*" >>"$LOG"
case "$*" in
    "cat appctl.service") [ -z "$ABSENT" ] ;;
    *list-units*) echo "user@1000.service loaded active running User Manager for UID 1000" ;;
    *is-enabled*) [ "${*#*"$DISABLED"}" = "$*" ] ;;
esac
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    for name in ("systemctl", "busctl"):
        (tmp_path / name).write_text(STAND_IN)
        (tmp_path / name).chmod(0o755)
    return tmp_path


def told(root: Path, *words: str, **variables: str) -> list[str]:
    """Each call, without the words that only make it quiet."""
    log = root / "log"
    log.write_text("")
    environment = {"PATH": f"{root}:{os.defpath}", "LOG": str(log), "ABSENT": "", "DISABLED": "none"}
    text = SCRIPT.replace(" /run/", f" {root}/run/")
    subprocess.run(["sh", "-c", text, "running", *words], env=environment | variables, check=True)
    return log.read_text().replace(" --quiet", "").splitlines()


def test_no_daemon_is_started_once_they_are_stopped(root: Path) -> None:
    said = told(root, "stop")
    masks = ["systemctl mask --runtime appctl.service", "systemctl --global mask --runtime appctl.service"]
    stops = ["systemctl stop appctl*.timer appctl*.service",
             "systemctl --user --machine=1000@ stop appctl*.service"]  # fmt: skip
    assert [line for line in said if line in {*masks, *stops}] == [*masks, *stops]


@pytest.mark.parametrize("disabled", ["none", "appctl-update.timer"])
def test_afterwards_daemons_may_start_and_timers_wait_that_are_enabled(root: Path, disabled: str) -> None:
    said = told(root, "start", DISABLED=disabled)
    assert {
        "systemctl unmask --runtime appctl.service",
        "systemctl --global unmask --runtime appctl.service",
        "systemctl daemon-reload",
        "systemctl start appctl-verify.timer",
        "busctl call org.freedesktop.DBus / org.freedesktop.DBus ReloadConfig",
    } <= set(said)
    assert ("systemctl start appctl-update.timer" in said) is (disabled == "none")


def test_every_timer_of_the_system_is_started() -> None:
    assert all(timer.name in SCRIPT for timer in (TOP / "systemd").glob("*.timer"))


def test_where_nothing_is_installed_nothing_is_stopped(root: Path) -> None:
    assert told(root, "stop", ABSENT="yes") == ["systemctl cat appctl.service"]


@pytest.mark.parametrize("word", ["stop", "start"])
def test_where_no_systemd_runs_nobody_is_told(root: Path, word: str) -> None:
    (root / "run/systemd/system").rmdir()
    assert told(root, word) == []
