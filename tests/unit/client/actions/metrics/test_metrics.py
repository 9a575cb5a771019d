# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl metrics`: what is counted, and that a reader of the file finds the whole of one text."""

import json
import os
import resource
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from appctl.__main__ import main
from support.buses.commands import ACME, EDITOR
from support.buses.fake_installer import FakeInstaller, variants

Capture = pytest.CaptureFixture[str]
PAST: dict[str, Any] = {"uid": ("u", 0), "id": "org.acme.Editor"}


def read(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    """Values by the labels behind the scope's."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        assert (family.type, bool(family.documentation)) == ("gauge", True)
        for sample in family.samples:
            labels = dict(sample.labels)
            assert labels.pop("scope") == "user"
            found.setdefault(sample.name, {})[tuple(labels.values())] = sample.value
    return found


def test_what_the_daemon_tells_is_counted(daemon: FakeInstaller, capsys: Capture) -> None:
    evil = {
        "id": "org.other.Tool",
        "remote": "other",
        "version": '2"} 1\n#',
        "held": True,
        "installed-size": 5,
    }
    asking = ("a(sss)", [("shared", "network", "leaves-sandbox")])
    daemon.apps = [EDITOR, evil | {"update-permissions": asking}]
    daemon.manager |= {
        "AutomaticUpdatePolicy": ("s", "check"),
        "LastAutomaticUpdate": (
            "a{sv}",
            variants(
                {
                    "time": 30,
                    "extent": "check",
                    "because": ["client", "metered"],
                    "success": 20,
                    "failure": 30,
                }
            ),
        ),
    }
    daemon.remotes = [ACME, ACME | {"Name": "other", "Enabled": False}]
    daemon.history = [
        PAST | {"time": 30, "event": "update", "error": "Offline", "message": "no"},
        PAST | {"time": 20, "event": "update", "error": "Offline", "message": "no"},
        PAST | {"time": 10, "event": "install", "version": "1"},
    ]
    assert main(["metrics", "-"]) == 0
    found = read(capsys.readouterr().out)
    assert found["appctl_app_info"] == {
        ("org.acme.Editor", "acme", "1.4"): 1,
        ("org.other.Tool", "other", '2"} 1\n#'): 1,
    }
    assert found["appctl_apps"] == {("acme",): 1, ("other",): 1}
    assert found["appctl_apps_held"] == {(): 1}
    assert found["appctl_updates_waiting"] == {(): 1}
    assert found["appctl_automatic_updates_info"] == {("check",): 1}
    last = "appctl_last_automatic_update"
    assert found[f"{last}_info"] == {("check", "client metered"): 1}
    moments = [found[f"{last}{name}_timestamp_seconds"][()] for name in ("", "_success", "_failure")]
    assert moments == [30, 20, 30]
    assert found["appctl_installed_bytes"] == {("acme",): 254_000_000, ("other",): 5}
    assert found["appctl_downloaded_bytes"][("acme",)] == 97_000_000
    assert found["appctl_reused_bytes"][("acme",)] == 12_000_000
    assert found["appctl_history_failures"] == {("update", "Offline"): 2}
    assert found["appctl_history_last_failure_timestamp_seconds"] == {("update", "Offline"): 30}
    assert found["appctl_history_last_success_timestamp_seconds"] == {("install",): 10}
    assert found["appctl_remote_enabled"] == {("acme",): 1, ("other",): 0}
    assert found["appctl_updates_available"] == {(): 0}
    assert found["appctl_daemon_info"] == {("9.9", "1"): 1}


def test_the_file_is_replaced_in_one_piece_and_everybody_may_read_it(
    daemon: FakeInstaller, tmp_path: Path, capsys: Capture
) -> None:
    place = tmp_path / "appctl.prom"
    place.write_text("old")
    old = place.open()
    before = os.umask(0o077)
    try:
        assert main(["metrics", str(place), "--json"]) == 0
    finally:
        os.umask(before)
    with old:
        assert old.read() == "old", "who was reading it reads on"
    assert place.stat().st_mode & 0o7777 == 0o644
    assert "appctl_daemon_info" in read(place.read_text())
    assert list(tmp_path.iterdir()) == [place]
    assert json.loads(capsys.readouterr().out) == {
        "changed": True, "file": str(place), "text": place.read_text(),
    }  # fmt: skip


def test_where_nothing_can_be_told_the_old_file_stays(daemon: FakeInstaller, tmp_path: Path) -> None:
    place = tmp_path / "appctl.prom"
    place.write_text("old")
    daemon.errors["History"] = ("Failed", "it broke", "", {})
    assert main(["metrics", str(place)]) == 1
    assert place.read_text() == "old"
    assert list(tmp_path.iterdir()) == [place]


def test_what_is_no_regular_file_is_not_replaced(daemon: FakeInstaller, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("fifo")
    for name in ("fifo", "link", "."):
        assert main(["metrics", str(tmp_path / name)]) == 64
    assert (tmp_path / "fifo").is_fifo()
    assert (tmp_path / "link").is_symlink()


def test_a_file_that_cannot_be_written_is_told(
    daemon: FakeInstaller, tmp_path: Path, capsys: Capture
) -> None:
    assert main(["metrics", str(tmp_path / "none/appctl.prom")]) == 1
    assert "cannot be written: No such file" in capsys.readouterr().err


def test_a_text_that_does_not_fit_leaves_the_old_one_and_nothing_else(
    daemon: FakeInstaller, tmp_path: Path
) -> None:
    place = tmp_path / "appctl.prom"
    place.write_text("old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))  # bytes that a file may have
    try:
        assert main(["metrics", str(place), "--quiet"]) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert place.read_text() == "old"
    assert list(tmp_path.iterdir()) == [place]
