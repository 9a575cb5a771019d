# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""state/history.py: one event, one line, in order."""

import json
import time
from pathlib import Path

import pytest

from appctld.state.history import record_event
from appctld.state.paths import Paths


def test_events_are_lines_with_their_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_700_000_000.9)
    record_event(Paths(tmp_path), {"event": "install", "title": "a\nb", "uid": 1000})
    record_event(Paths(tmp_path), {"event": "uninstall"})
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"time": 1_700_000_000, "event": "install", "title": "a\nb", "uid": 1000},
        {"time": 1_700_000_000, "event": "uninstall"},
    ]
