# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which stages jobs go through, from a reference to what is tidied up, and until when one can cancel them."""

from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest

from appctld.jobs.job import Job
from appctld.jobs.requests import Install, Prune, Rollback, Uninstall, Update
from appctld.model.image import APP_ID
from appctld.pipeline.exports.desktop import Desktop
from appctld.system.sandbox import Bubblewrap
from support.workers.inline import layer_of
from support.worlds.world import BASE, Noticing, Yard

APP = "org.acme.Editor"
ENTRY = b"[Desktop Entry]\nType=Application\nName=%d\nExec=editor\n"
BROUGHT = ["resolving", "verifying", "downloading", "importing", "merging"]


class Watching(Noticing):
    """Writes down each stage, and whether the job could be cancelled then."""

    def __init__(self) -> None:
        super().__init__()
        self.stages: list[tuple[str, bool]] = []

    def job_changed(self, job: Job) -> None:
        if job.stage:
            self.stages.append((job.stage, job.cancelable))

    def told(self) -> list[tuple[str, bool]]:
        """Each once, in their order."""
        told, self.stages = [stage for stage, _ in groupby(self.stages)], []
        return told


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    yard = Yard(tmp_path)
    desktop = Desktop(("/usr/bin/appctl", "--user", "run"), (tmp_path / "host",))
    yard.tools = replace(yard.tools, launcher=Bubblewrap(code=()), desktop=desktop)
    yard.observer = Watching()
    return yard


def publish(yard: Yard, number: int) -> None:
    shown = layer_of({f"usr/share/applications/{APP}.desktop": ENTRY % number})
    yard.registry.push("1", [BASE, shown], Labels={APP_ID: APP})


def test_the_stages_of_jobs_and_until_when_they_can_be_cancelled(yard: Yard) -> None:
    watching = yard.observer
    assert isinstance(watching, Watching)
    deployed = [*((stage, True) for stage in BROUGHT), ("deploying", False), ("exporting", False)]

    publish(yard, 1)
    yard.do(Install(("acme.example/x/hello:1",)))
    assert watching.told() == deployed
    publish(yard, 2)
    yard.do(Update((APP,)))
    assert watching.told() == deployed
    publish(yard, 3)
    yard.do(Update((APP,)))
    assert watching.told() == [*deployed, ("removing", False), ("cleanup", False)]
    yard.do(Rollback(APP))
    assert watching.told() == [("deploying", False), ("exporting", False)]
    yard.do(Uninstall((APP,)))
    assert watching.told() == [("removing", False), ("exporting", False), ("cleanup", False)]
    yard.do(Prune())
    assert watching.told() == [("cleanup", True)]
