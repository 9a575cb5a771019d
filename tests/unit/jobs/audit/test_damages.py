# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Every kind of damage is found, named, and repaired, with nothing but the registry and the store."""

from pathlib import Path

import pytest

from appctld.jobs.requests import Prune, Repair
from support.repositories.damage import DAMAGES
from support.worlds.neighbours import APP, OTHER, Neighbours

TOUCHING_NOBODY = {"a ref that nothing needs"}
TOUCHING_BOTH = {
    "a byte of a file object",
    "a file object's attributes",
    "a file object missing",
    "a file object that is a FIFO",
    "a file object's mode",
    "a file object's time",
}  # of the layer that both have


NOTES = (".lock", "history.jsonl", "damaged.json")  # and the last of what a check has found


@pytest.fixture
def yard(tmp_path: Path) -> Neighbours:
    return Neighbours(tmp_path)


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_found_named_and_repaired(yard: Neighbours, name: str) -> None:
    fault, harm = DAMAGES[name]
    directory = yard.scene().deployment.parent
    harm(yard.scene())
    before = snapshot(yard.paths.root)
    found = yard.faults()
    yard.do(Repair({"dry-run": True}))
    assert snapshot(yard.paths.root) == before, "to look changes nothing"
    assert fault in found
    if name in TOUCHING_BOTH:
        assert found[fault] == {APP, OTHER}
    elif name not in TOUCHING_NOBODY and "dirtree" not in name and "dirmeta" not in name:
        assert found[fault] == {APP}
    told = yard.do(Repair())
    assert told["left"] == 0, (told, yard.job.items)
    assert yard.job.error is None
    assert yard.verify()["problems"] == []
    yard.fsck()
    assert yard.do(Prune({"dry-run": True}))["objects"] == 0
    assert (yard.top(), yard.top(OTHER)) == ("acme 1.0", "other 1.0")
    for app_id in (APP, OTHER):
        assert (yard.scene(app_id).files / "usr/data").read_text() == "some text"
    assert len(list(directory.iterdir())) == 2, "one deployment, and current"


def snapshot(root: Path) -> dict[str, tuple[object, ...]]:
    found = {}
    for path in root.rglob("*"):
        status = path.lstat()
        found[str(path)] = (status.st_mode, status.st_ino, status.st_mtime_ns if path.is_file() else 0)
    return {name: facts for name, facts in found.items() if not name.endswith(NOTES)}
