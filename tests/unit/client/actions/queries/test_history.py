# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl history`: a table for people, everything for programs, and nothing foreign unescaped."""

import json
import pwd
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from appctl.__main__ import main
from support.buses.commands import options_of
from support.buses.fake_installer import FakeInstaller

Capture = pytest.CaptureFixture[str]
UPDATED: dict[str, Any] = {
    "time": 1_790_000_000,
    "event": "update",
    "uid": ("u", 0),
    "id": "org.acme.Editor",
    "version": "1.5\x1b",
    "previous-version": "1.4",
    "image-digest": "sha256:" + "3" * 64,
    "signer": "E24C" + "0" * 32 + "68BD",
    "remote": "acme",
}
FAILED: dict[str, Any] = {
    "time": 1_790_000_001,
    "event": "install",
    "uid": ("u", 4_000_000_000),
    "reference": "quay.io/acme/tool:1",
    "remote": "acme",
    "error": "Rollback",
    "message": "it is older\u202e",
}


def rows(capsys: Capture) -> list[list[str]]:
    """The columns of each line, but the time."""
    return [line.split()[3:] for line in capsys.readouterr().out.splitlines()[1:]]


def test_what_was_done_newest_first(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.history = [UPDATED, FAILED]
    assert main(["history"]) == 0
    assert rows(capsys) == [
        ["install:", "Rollback", "quay.io/acme/tool:1", "4000000000"],
        ["update", "org.acme.Editor", "1.4", "->", "1.5\\x1b", "sha256:333333333333…", "E24C…68BD",
         pwd.getpwuid(0).pw_name],
    ]  # fmt: skip
    assert options_of(daemon, "History").get("failed", False) is False


def test_what_was_overridden(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.history = [UPDATED | {"event": "permissions", "message": "deny shared=network\u202e"}]
    assert main(["history"]) == 0
    assert "permissions: deny shared=network\\u202e" in capsys.readouterr().out


def test_why_something_failed(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.history = [FAILED]
    assert main(["history", "--failed"]) == 0
    assert rows(capsys) == [
        ["install:", "Rollback", "quay.io/acme/tool:1", "acme", "it", "is", "older\\u202e", "4000000000"],
    ]
    assert options_of(daemon, "History")["failed"] is True


def test_all_of_it_for_programs(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.history = [UPDATED]
    assert main(["history", "--json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert entry["image_digest"] == UPDATED["image-digest"]
    assert (entry["uid"], entry["scope"], entry["previous_version"]) == (0, "user", "1.4")


def test_where_nothing_happened_nothing_is_said(daemon: FakeInstaller, capsys: Capture) -> None:
    assert main(["history"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["history", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.parametrize("text", ["90m", "2h", "30d"])
def test_only_what_is_not_older(text: str, daemon: FakeInstaller) -> None:
    before = time.time() - int(text[:-1]) * {"m": 60, "h": 3600, "d": 86_400}[text[-1]]
    assert main(["history", "--since", text]) == 0
    after = time.time() - int(text[:-1]) * {"m": 60, "h": 3600, "d": 86_400}[text[-1]]
    assert int(before) <= options_of(daemon, "History")["since"] <= after


def test_since_a_date_is_since_it_began_here(daemon: FakeInstaller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert main(["history", "--since", "2026-11-20"]) == 0
    finally:
        monkeypatch.undo()
        time.tzset()
    begins = datetime(2026, 11, 20, tzinfo=UTC) - timedelta(hours=9)
    assert options_of(daemon, "History")["since"] == begins.timestamp()


@pytest.mark.parametrize(
    "words", [["--since", "yesterday"], ["--since", "0d"], ["--since", "2026-13-01"], ["--since", "1d "],
              ["--limit", "0"], ["--limit", "-1"], ["--limit", "many"], ["--limit", "1000000"]],
)  # fmt: skip
def test_what_is_no_time_and_no_number_is_refused(words: list[str], daemon: FakeInstaller) -> None:
    assert main(["history", *words]) == 64
    assert daemon.calls == []


def test_a_limit_is_of_all_that_is_shown(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.history = [UPDATED, UPDATED, FAILED]
    assert main(["history", "--limit", "2", "--json"]) == 0
    assert [entry["event"] for entry in json.loads(capsys.readouterr().out)] == ["install", "update"]
    assert options_of(daemon, "History")["limit"] == 2
