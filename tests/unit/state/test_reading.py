# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""state/reading.py: what did not change is not read again, and whatever did change is."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from appctld.state import reading, records
from appctld.state.paths import Paths
from appctld.state.reading import Reading
from appctld.state.records import installed
from support.buses.records import RECORD, deploy, numbered

OTHER = "org.example.Other"


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    found = Paths(tmp_path / "state")
    found.create()
    deploy(found, numbered(1), current=False)
    deploy(found, numbered(2))
    deploy(found, replace(RECORD, id=OTHER))
    return found


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The apps that are read from the disk, which was quiet for as long as that takes to count."""
    monkeypatch.setattr(reading, "SETTLED", -(10**12))
    found: list[str] = []

    def noted(directory: Path) -> records.Installed | None:
        found.append(directory.name)
        return records.read_app(directory)

    monkeypatch.setattr(reading, "read_app", noted)
    return found


def test_what_did_not_change_is_read_once(paths: Paths, read: list[str]) -> None:
    here = Reading(paths)
    first = here.installed()
    assert first == installed(paths)
    again = here.installed()
    assert all(again[name] is app for name, app in first.items())
    assert read == [RECORD.id, OTHER]


def another_version_is_made_current(paths: Paths) -> None:
    link = paths.app(RECORD.id) / "new"
    link.symlink_to(numbered(1).deployment)
    link.rename(paths.app(RECORD.id) / "current")


def a_deployment_comes(paths: Paths) -> None:
    deploy(paths, numbered(3), current=False)


def a_deployment_goes(paths: Paths) -> None:
    shutil.rmtree(paths.app(RECORD.id) / numbered(1).deployment)


def current_goes(paths: Paths) -> None:
    (paths.app(RECORD.id) / "current").unlink()


def the_app_goes(paths: Paths) -> None:
    shutil.rmtree(paths.app(RECORD.id))


def a_record_is_edited(paths: Paths) -> None:
    path = paths.app(RECORD.id) / numbered(1).deployment / "record.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "title": "Other"}))


def a_record_is_edited_and_its_time_restored(paths: Paths) -> None:
    path = paths.app(RECORD.id) / numbered(1).deployment / "record.json"
    status = path.stat()
    a_record_is_edited(paths)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def a_record_is_lost(paths: Paths) -> None:
    (paths.app(RECORD.id) / numbered(1).deployment / "record.json").unlink()


def an_app_comes(paths: Paths) -> None:
    deploy(paths, replace(RECORD, id="org.example.New"))


CHANGES = (
    another_version_is_made_current, a_deployment_comes, a_deployment_goes, current_goes, the_app_goes,
    a_record_is_edited, a_record_is_edited_and_its_time_restored, a_record_is_lost, an_app_comes,
)  # fmt: skip


@pytest.mark.usefixtures("read")
@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changes_is_read_again(paths: Paths, change: Callable[[Paths], None]) -> None:
    here = Reading(paths)
    before = here.installed()
    for path in (paths.app(RECORD.id), *paths.app(RECORD.id).glob("*/record.json")):
        os.utime(path, ns=(0, 0))  # so that a tick of the clock lies between this and what comes
    here.installed()
    change(paths)
    after = here.installed()
    assert after == installed(paths)
    assert after != before


def test_a_record_that_could_not_be_read_is_looked_for_again(paths: Paths, read: list[str]) -> None:
    """It was restored from a backup, say, or this process had no descriptor left for it."""
    record = paths.app(RECORD.id) / numbered(1).deployment / "record.json"
    there = record.read_bytes()
    record.write_bytes(b"")
    here = Reading(paths)
    assert len(here.installed()[RECORD.id].records) == 1
    record.write_bytes(there)
    assert here.installed() == installed(paths)
    assert len(here.installed()[RECORD.id].records) == 2
    assert read.count(OTHER) == 1


def test_what_changed_a_moment_ago_is_not_relied_on(paths: Paths) -> None:
    here = Reading(paths)
    first, again = here.installed(), here.installed()
    assert first == again
    assert first[OTHER] is not again[OTHER]
