# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""state/available.py: the last check is a hint, and one that cannot be read is none."""

import json
import time
from pathlib import Path

import pytest

from appctld.model.digest import Digest
from appctld.state.available import Available, LastCheck, last_check, remember_check
from appctld.state.paths import Paths

FOUND = Available("org.example.App", "2.0", 100, Digest("a" * 64))


def test_a_check_is_remembered_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_700_000_000.9)
    remember_check(Paths(tmp_path), {FOUND.id: FOUND})
    assert last_check(Paths(tmp_path)) == LastCheck(1_700_000_000, (FOUND,))
    remember_check(Paths(tmp_path), {FOUND.id: None})
    assert last_check(Paths(tmp_path)) == LastCheck(1_700_000_000, ())


def test_before_the_first_check_there_is_nothing(tmp_path: Path) -> None:
    assert last_check(Paths(tmp_path)) == LastCheck(0, ())


ITEM = {"id": "x", "version": "1", "size": 1, "digest": f"sha256:{'a' * 64}"}
DAMAGED = [
    b"",
    b"[]",
    b"{}",
    b'{"time": 1}',
    json.dumps({"time": "1", "updates": []}).encode(),
    json.dumps({"time": 1, "updates": [1]}).encode(),
    json.dumps({"time": 1, "updates": [{**ITEM, "digest": "sha256:../x"}]}).encode(),
    json.dumps({"time": 1, "updates": [{**ITEM, "size": "1"}]}).encode(),
]


@pytest.mark.parametrize("data", DAMAGED)
def test_a_file_that_cannot_be_read_counts_as_none(tmp_path: Path, data: bytes) -> None:
    Paths(tmp_path).last_check.write_bytes(data)
    assert last_check(Paths(tmp_path)) == LastCheck(0, ())
