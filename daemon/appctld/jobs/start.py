# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Open a state directory for work: take its lock, sweep up after who was killed, put the rooms together."""

import asyncio
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from appctld.config.logins import kept_logins
from appctld.jobs.apps.choices import Choices, forget_absent
from appctld.jobs.automatic.deciding import Decide
from appctld.jobs.job import Job
from appctld.jobs.publishers.remotes import RemoteBook
from appctld.jobs.queue import WITHOUT_NETWORK, Jobs, Perform
from appctld.jobs.reporting.observer import Observer
from appctld.jobs.requests import AnyRequest
from appctld.jobs.work import work
from appctld.jobs.workshop import workshop
from appctld.model.jsonvalue import Json, get_str, get_strings
from appctld.pipeline.answers import understood
from appctld.pipeline.exports.caches import refresh_caches
from appctld.pipeline.tools import Tools
from appctld.state.available import waiting_refs
from appctld.state.layers import forget_refs, recorded_refs
from appctld.state.lock import take_lock
from appctld.state.paths import Paths
from appctld.state.records import roots, unreadable
from appctld.system.durable import is_read_only, sweep
from appctld.system.keeper import keeping
from appctld.system.worker import Processes

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rooms:
    """What the bus serves."""

    jobs: Jobs
    remotes: RemoteBook
    choices: Choices


async def build(
    scope: str, paths: Paths, configuration: Sequence[Path], tools: Tools, decide: Decide
) -> Rooms:
    """The rooms of one scope, over a state directory that is locked, whole and swept.

    `decide` is asked how far an update goes that nobody asked for. Where nobody can write nothing is swept
    until a job comes and somebody can. Raises Busy when another daemon has it.
    """
    paths.create()
    lock = take_lock(paths)
    if isinstance(tools.runner, Processes):
        tools = replace(tools, runner=Processes(held=(lock,)))
    book = RemoteBook(configuration, tools, observer=lambda: jobs.observer)
    sweeping = Sweeping(tools, book)
    await sweeping.done()
    kept = configuration[0].parent / "auth.json" if scope == "system" else None
    jobs = Jobs(perform=sweeping.before(_performer(scope, tools, book, kept, decide)))
    return Rooms(jobs, book, Choices(tools, lambda: jobs.observer))


class Sweeping:
    """What is done once, before any job: `recover`, and the like for what the daemon keeps."""

    def __init__(self, tools: Tools, book: RemoteBook) -> None:
        self._tools = tools
        self._book = book
        self._mutex = asyncio.Lock()
        self._due = True

    async def done(self) -> None:
        """Return when it is done, or cannot be, because nobody can write."""
        async with self._mutex:
            if not self._due:
                return
            if is_read_only(self._tools.paths.root):
                logger.warning("%s is read-only: nothing is changed or swept", self._tools.paths.root)
                return
            await recover(self._tools)
            await self._tools.aside(forget_absent, self._tools.paths)
            await self._book.tidy_catalogs()
            self._due = False

    def before(self, perform: Perform) -> Perform:
        """The same, once it is done."""

        async def swept(request: AnyRequest, job: Job, observer: Observer) -> None:
            await self.done()
            await perform(request, job, observer)

        return swept


async def recover(tools: Tools) -> None:
    """After a crash: what no record names goes, and a record whose ref is gone is reported.

    Layers that an interrupted install had brought here stay until the next prune, so that it resumes. Others
    may write state meanwhile (`hold`), so what is done about that is done where they do it.
    """
    broken, needed, layers = await tools.aside(_swept, tools.paths)
    for record in broken:
        logger.error("%s cannot be read; no ref is dropped while that is so", record)
    keep, keep_all = needed | layers | await tools.aside(waiting_refs, tools.paths), bool(broken)
    while missing := await _recover(keep, tools, keep_all=keep_all):
        await tools.aside(forget_refs, tools.paths, missing & layers)
        for ref in sorted(missing & needed):
            logger.error("the repository lacks %s, which an installed app needs", ref)
        keep, keep_all = keep - missing, True  # a ref whose commit is gone is told, and stays for a repair
    await refresh_caches(tools)


def _swept(paths: Paths) -> tuple[list[Path], set[str], set[str]]:
    """Sweep up; then: which records cannot be read, which refs apps need, which refs layers have."""
    for directory in paths.written():
        sweep(directory)
    return unreadable(paths), roots(paths), recorded_refs(paths)


async def _recover(keep: set[str], tools: Tools, *, keep_all: bool) -> set[str]:
    """The store's part; those of `keep` that the repository lacks, as many as an answer tells."""
    refs: list[Json] = [*sorted(keep)]
    answer = await tools.store(
        {"op": "recover", "keep_refs": refs, "keep_all": keep_all, "desktop": tools.desktop.to_json()}
    )
    with understood("store"):
        dropped, missing = get_strings(answer, "dropped"), get_strings(answer, "missing_refs")
        if unseen := get_str(answer, "exports", ""):
            logger.warning("desktops do not see all of what is installed: %s", unseen)
    await tools.aside(forget_refs, tools.paths, dropped)
    return keep & set(missing)


def _performer(scope: str, tools: Tools, book: RemoteBook, kept: Path | None, decide: Decide) -> Perform:
    """What does the work; `kept` is where the administrator keeps logins for root's jobs and the timers'."""

    async def perform(request: AnyRequest, job: Job, observer: Observer) -> None:
        logins = kept_logins(kept) if kept is not None and _may_use_them(request, job) else ()
        async with keeping(tools.runner) as runner:
            equipped = replace(tools, runner=runner, logins=logins)
            shop = workshop(scope, equipped, book, observer, job, request, decide)
            job.result = await work(request, shop)

    return perform


def _may_use_them(request: AnyRequest, job: Job) -> bool:
    """Else whoever may install would see what only the administrator's login opens."""
    return job.uid in {0, os.geteuid()} and not isinstance(request, WITHOUT_NETWORK)
