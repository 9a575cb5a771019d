# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""state/history.py: one event, one line, in order; read from the end, whatever damage there is."""

import json
import time
from pathlib import Path

import pytest

from appctld.model.jsonvalue import JsonObject
from appctld.state import history
from appctld.state.history import LINE_BYTES, TEXT_LENGTH, read_events, record_event
from appctld.state.paths import Paths


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path)


def note(paths: Paths, number: int, **facts: str) -> None:
    record_event(paths, {"event": "install", "uid": 1000, "signed-at": number, **facts})


def numbers(paths: Paths, limit: int | None = None) -> list[object]:
    return [event["signed-at"] for event in read_events(paths, lambda _event: True, limit)]


def test_events_are_lines_with_their_time(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_700_000_000.9)
    monkeypatch.setattr(time, "time_ns", lambda: 7)
    record_event(paths, {"event": "install", "title": "a\nb", "uid": 1000})
    record_event(paths, {"event": "uninstall"})
    lines = paths.history.read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"time": 1_700_000_000, "order": 7, "event": "install", "title": "a\nb", "uid": 1000},
        {"time": 1_700_000_000, "order": 7, "event": "uninstall"},
    ]


def test_the_newest_comes_first_and_only_so_many(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    assert numbers(paths) == []
    for number in range(5):
        note(paths, number)
    assert numbers(paths) == [4, 3, 2, 1, 0]
    assert numbers(paths, 2) == [4, 3]
    assert [event["signed-at"] for event in read_events(paths, lambda event: event["signed-at"] == 1, 1)] == [
        1
    ]
    monkeypatch.setattr(history, "ENTRIES", 3)
    assert numbers(paths) == numbers(paths, 0) == numbers(paths, 100) == [4, 3, 2]


DAMAGE = [
    b"\n",
    b"\0\0\0\n",
    b"{\n",
    b"[]\n",
    b'{"time": 1, "event": "install"}\n',
    b'{"time": 1, "uid": 1}\n',
    b'{"event": "install", "uid": 1}\n',
    b'{"time": "1", "event": "install", "uid": 1}\n',
    b'{"time": 1, "event": 1, "uid": 1}\n',
    b'{"time": 1, "event": "install", "uid": true}\n',
    b'{"time": -1, "event": "install", "uid": 1}\n',
    b'{"time": 1, "event": "install", "uid": 4294967296}\n',
    b'{"time": 1, "event": "install", "uid": 1, "message": "' + b"x" * LINE_BYTES + b'"}\n',
    b'{"time": 1, "event": "inst',  # a power cut
]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_line_hides_itself_and_no_other(paths: Paths, damage: bytes) -> None:
    note(paths, 1)
    with paths.history.open("ab") as file:
        file.write(damage)
    note(paths, 2)
    assert numbers(paths) == [2, 1]


def test_a_member_of_another_type_or_of_no_meaning_is_left_out(paths: Paths) -> None:
    facts: JsonObject = {"event": "install", "uid": 1, "version": 2, "background": "yes", "signed-at": None}
    record_event(paths, {**facts, "verify": "gpg", "job": 7})
    (event,) = read_events(paths, lambda _event: True)
    assert event == {"time": event["time"], "event": "install", "uid": 1, "verify": "gpg"}


def test_a_long_text_is_cut_and_its_event_still_read(paths: Paths) -> None:
    note(paths, 1, message="\N{SNOWMAN}" * LINE_BYTES)
    (event,) = read_events(paths, lambda _event: True)
    assert event["message"] == "\N{SNOWMAN}" * TEXT_LENGTH


def test_the_log_does_not_grow_for_ever(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    note(paths, 0)
    monkeypatch.setattr(history, "HISTORY_BYTES", 2 * paths.history.stat().st_size)
    for number in range(1, 7):
        note(paths, number)
    assert numbers(paths) == [6, 5, 4]  # of three files, two are kept
    assert not list(paths.root.glob("*.2"))


def test_what_fails_makes_nothing_forgotten_that_was_done(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    note(paths, 1)
    monkeypatch.setattr(history, "HISTORY_BYTES", 2 * paths.history.stat().st_size)
    for number in range(2, 40):
        note(paths, number, error="NotInstalled")
    note(paths, 40)
    assert {1, 39, 40} <= set(numbers(paths)) < set(range(1, 41))


def test_done_and_failed_are_told_in_the_order_of_time(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(1, 7):
        monkeypatch.setattr("time.time_ns", lambda number=number: number)
        note(paths, number, **({"error": "Offline"} if number % 2 else {}))
    assert numbers(paths) == [6, 5, 4, 3, 2, 1]


def test_of_a_file_that_is_too_long_the_end_is_read(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        note(paths, number)
    monkeypatch.setattr(history, "LINE_BYTES", paths.history.stat().st_size // 4)
    monkeypatch.setattr(history, "HISTORY_BYTES", history.LINE_BYTES + 10)
    assert numbers(paths) == [3, 2]


def test_only_the_daemon_reads_the_files(paths: Paths) -> None:
    note(paths, 1)
    assert paths.history.stat().st_mode & 0o777 == 0o600
