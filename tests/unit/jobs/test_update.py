# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a check for updates says of an app whose remote fails."""

import asyncio
from pathlib import Path

from appctld.jobs.job import Job
from appctld.jobs.observer import Nobody
from appctld.jobs.remotes import RemoteBook
from appctld.jobs.requests import CheckUpdates
from appctld.jobs.update import check_updates
from appctld.jobs.workshop import Workshop
from appctld.model.manifest import Platform
from appctld.pipeline.gate import Gate
from appctld.pipeline.tools import Tools
from appctld.state.paths import Paths
from support.inline import InlineRunner, MemoryRegistry, NoLauncher
from support.records import RECORD, deploy


def test_an_app_whose_remote_is_gone_is_told_with_what_to_do(tmp_path: Path) -> None:
    paths = Paths(tmp_path / "state")
    paths.create()
    deploy(paths)
    tools = Tools(InlineRunner(MemoryRegistry()), NoLauncher(), paths, Platform("linux", "amd64"), Gate())
    book = RemoteBook([tmp_path / "remotes.d"], tools, Nobody)
    job = Job(number=1, kind="check-updates", refs=(), uid=1, background=False, title="")
    answer = asyncio.run(check_updates(CheckUpdates(), Workshop("user", tools, book, Nobody(), job)))
    assert answer == {
        "updates": [
            {
                "id": RECORD.id,
                "version": "1.0",
                "remote": "acme",
                "update-version": "",
                "update-size": 0,
                "image-digest": "",
                "error": "NoRemote",
                "message": "there is no remote 'acme'",
                "hint": "appctl remote list",
            }
        ]
    }
