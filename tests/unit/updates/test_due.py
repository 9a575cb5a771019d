# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors

import fcntl
from dataclasses import replace
from pathlib import Path

from appctld.model.digest import Digest
from appctld.state.available import Available, LastCheck, remember_check
from appctld.state.paths import Paths
from appctld.state.records import Installed
from appctld.updates.apps import Apps
from appctld.updates.due import due
from support.buses.records import RECORD, deploy
from support.counted import Counted

NEWER = Available(RECORD.id, "2.0", 100, Digest("9" * 64))
APPS = {RECORD.id: Installed(RECORD, ())}


def test_what_differs_from_what_is_installed_is_due() -> None:
    assert due(LastCheck(1, (NEWER,)), APPS) == {RECORD.id: NEWER}


def test_what_is_installed_by_now_or_removed_is_not_due() -> None:
    same = Available(RECORD.id, "1.0", 0, RECORD.image_digest)
    gone = Available("org.example.Gone", "2.0", 1, NEWER.digest)
    assert due(LastCheck(1, (same, gone)), APPS) == {}


def test_the_list_shows_what_is_due(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    paths.create()
    deploy(paths)
    apps = Apps(paths, "user", lambda: {"acme": 86_400})
    assert apps.list()[0]["update-available"] is False
    remember_check(paths, {NEWER.id: NEWER})
    (app,) = apps.list()
    assert (app["update-available"], app["update-version"], app["update-size"]) == (True, "2.0", 100)
    assert (app["scope"], app["running"], app["max-age"]) == ("user", False, 86_400)
    assert Apps(paths, "user", dict).list()[0]["max-age"] == 0
    assert apps.last_check_time() > 0


def test_some_facts_are_those_of_the_list(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    paths.create()
    deploy(paths)
    apps = Apps(paths, "user", dict)
    (whole,), (some,) = apps.list(), apps.some(["id", "running", "update-available", "what"])
    assert some == {"id": whole["id"], "running": False, "update-available": False}
    run = paths.app(RECORD.id) / RECORD.deployment / "run.json"
    run.write_text("{}")
    with run.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        assert apps.some(["running"]) == [{"running": True}]
    assert apps.some(["id"]) == [{"id": RECORD.id}]


def test_keys_that_a_caller_asks_for_are_gone_through_once_not_for_every_app(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    paths.create()
    for number in range(3):
        deploy(paths, replace(RECORD, id=f"org.example.App{number}"))
    keys = Counted(["id", *map(str, range(1000))])
    assert len(Apps(paths, "user", dict).some(keys)) == 3
    assert keys.rounds == 1
