# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Step 6: a commit, merged or a publisher's own, becomes the app's current deployment.

The store does it in R10's order; what it writes beside the files is papers.py's. That the image was installed
is written down first (R9); nothing else is changed unless it returns.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from appctld.model.jsonvalue import get_str, get_strings
from appctld.pipeline.admission.standing import remember_standing
from appctld.pipeline.answers import understood
from appctld.pipeline.exports.caches import refresh_caches
from appctld.pipeline.native.stages import ImportedCommit
from appctld.pipeline.records.papers import Papers, commit_papers, image_papers
from appctld.pipeline.stages import Deployed, Merged
from appctld.pipeline.tools import Tools
from appctld.state.paths import app_ref
from appctld.state.records import Record, find_app, read_record

logger = logging.getLogger(__name__)

Told = Callable[[Deployed], Awaitable[None]]


async def unheard(_deployed: Deployed) -> None:
    """Nobody wants to hear of it."""


async def deploy(ready: Merged | ImportedCommit, tools: Tools, told: Told = unheard) -> Deployed:
    """Check out and make current, and tell of it at once; also where a cancel came too late to stop it.

    Raises NoSpace, RepoCorrupt (a stored object is not what it was).
    """
    tools.progress.stage("deploying")
    planned = ready.planned
    name = free_name(planned.id, ready.commit, tools)
    papers = image_papers(ready, name) if isinstance(ready, Merged) else commit_papers(ready, name)
    await tools.aside(remember_standing, planned.standing, tools)
    try:
        path = await check_out(papers, tools)
    except asyncio.CancelledError:
        here = find_app(tools.paths, planned.id)
        if here is not None and here.current.deployment == name:
            await told(_deployed(tools.paths.app(planned.id) / name / "files", planned.current))
        raise
    deployed = _deployed(path, planned.current)
    await told(deployed)
    await refresh_caches(tools)
    return deployed


def _deployed(path: Path, previous: Record | None) -> Deployed:
    """What is current now: its record has the size that the store measured; `previous` is as confirmed."""
    return Deployed(read_record(path.parent), path, previous=previous)


async def check_out(papers: Papers, tools: Tools) -> Path:
    """Let the store put in place what the papers are about; the directory of its files. Hold the gate."""
    record = papers.record
    answer = await tools.store(
        {
            "op": "deploy",
            "commit": record.commit,
            "id": record.id,
            "deployment": record.deployment,
            "ref": app_ref(record.remote, record.id, record.deployment),
            "record": record.to_json(),
            "run": papers.run,
            "provenance": papers.provenance.to_json(),
            "desktop": tools.desktop.to_json(),
        }
    )
    with understood("store"):
        for refused in get_strings(answer, "refused"):
            logger.warning("%s does not export %s", record.id, refused)
        return Path(get_str(answer, "path"))


def free_name(app_id: str, commit: str, tools: Tools) -> str:
    """`<first 12 hex of the commit>.<n>`: a reinstall of the same commit gets a directory of its own."""
    number = 0
    while (tools.paths.app(app_id) / f"{commit[:12]}.{number}").exists():
        number += 1
    return f"{commit[:12]}.{number}"
