# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Tells the bus what happens below: jobs come, move and end, apps and remotes change.

Guarantees: how a job moves, and how it ended, goes to the connections that asked for it and to no other;
progress is sampled about five times a second, however often it changes; objects on the bus are those that
exist, and an edit of a remote's file is told within seconds; nothing is raised into the room that tells. When
a finished job goes is the queue's decision.
"""

import asyncio
import functools
import logging
from collections.abc import Callable, Collection
from typing import ParamSpec

from appctld.bus.caller import Caller
from appctld.bus.exported import Exported
from appctld.bus.objects.app import AppObject
from appctld.bus.objects.job import JobObject
from appctld.bus.objects.remote import RemoteFacts, RemoteObject
from appctld.bus.server import Server
from appctld.bus.service import Service
from appctld.bus.wire.paths import ERROR_PREFIX, ROOT, app_path, job_path, remote_path
from appctld.bus.wire.schema import snake
from appctld.errors import AppctlError
from appctld.jobs.job import Job, State
from appctld.model.jsonvalue import JsonObject

SAMPLE_SECONDS = 0.2  # five a second: a progress bar that moves smoothly
CALLERS = 32  # connections that are told of one job; who calls for ever and leaves makes no longer list
UPDATES = ("UpdatesAvailable", "LastUpdateCheck", "AutomaticUpdatePolicy", "LastAutomaticUpdate")
LEFT = "somebody else waits for the job, which goes on"
LOOK_SECONDS = 2.0  # how long an edit of a remote's file may go untold; to look costs a few stat(2)

_log = logging.getLogger(__name__)
_P = ParamSpec("_P")


def _never_raises(told: Callable[_P, None]) -> Callable[_P, None]:
    """A job must not fail because its progress could not be told."""

    @functools.wraps(told)
    def wrapper(*args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            told(*args, **kwargs)
        except Exception:  # noqa: BLE001 - whatever it is, the job goes on
            _log.exception("%s could not be told on the bus", told.__name__)

    return wrapper


class Announcer:
    """The Observer of the jobs room."""

    def __init__(self, server: Server, service: Service) -> None:
        self._server = server
        self._service = service
        self._owners: dict[int, list[Caller]] = {}
        self._told: dict[int, dict[str, str]] = {}
        self._dirty: dict[int, Job] = {}
        self._manager_dirty = False
        self._timer: asyncio.TimerHandle | None = None
        self._facts: dict[str, JsonObject] = {}
        self._remotes: dict[str, str] = {}
        self._watching: asyncio.Task[None] | None = None

    def populate(self) -> None:
        """Put what is there already on the bus."""
        for app_id in self._all_facts():
            self._sync_app(app_id)
        self._renew_remotes()
        self._server.before_listing(self.sync_remotes)
        self._watching = asyncio.create_task(self._watch())

    def adopt(self, job: Job, owner: Caller) -> None:
        """From now on `owner` is told about `job`, and first of all everything that it may see."""
        self._tell(job)  # what others have still to hear does not count as told to them
        owners = self._owners.setdefault(job.number, [])
        if owner.sender not in {other.sender for other in owners}:
            owners.append(owner)
            del owners[:-CALLERS]
        self._server.changed(job_path(job.number), [*self._news(job, everything=True)], to=owner)

    async def leave(self, job: Job, caller: Caller) -> bool:
        """Tell one of several callers no more of a job that goes on for the others; whether there are any."""
        others = self._others(job, caller)
        if others == self._owners.get(job.number, []):
            return False  # it asked for no such job
        there = {other.sender for other in others if await self._server.is_there(other.sender)}
        if job.state.finished or there.isdisjoint(other.sender for other in self._others(job, caller)):
            return False  # they ended, left the bus, or leave it just now
        self._owners[job.number] = self._others(job, caller)
        how = (State.CANCELLED.value, f"{ERROR_PREFIX}Cancelled", LEFT)
        self._server.emit(ROOT, "JobFinished", job_path(job.number), *how, {}, to=caller.sender)
        return True

    def _others(self, job: Job, caller: Caller) -> list[Caller]:
        return [owner for owner in self._owners.get(job.number, ()) if owner.sender != caller.sender]

    # Observer

    @_never_raises
    def job_added(self, job: Job) -> None:
        """See `Observer`."""
        self._server.export(job_path(job.number), self._object(job))
        self._touch_manager()

    @_never_raises
    def job_changed(self, job: Job) -> None:
        """See `Observer`."""
        self._dirty[job.number] = job
        self._schedule()

    @_never_raises
    def job_finished(self, job: Job) -> None:
        """See `Observer`."""
        self._dirty.pop(job.number, None)
        self._tell(job)
        self._touch_manager()
        item = self._server.exported(job_path(job.number))
        for owner in self._owners.pop(job.number, ()):  # nothing more will be told
            if isinstance(item, JobObject):
                end = (job_path(job.number), item.state, item.error_name, item.error_message, item.result)
                self._server.emit(ROOT, "JobFinished", *end, to=owner.sender)
        self._told.pop(job.number, None)

    @_never_raises
    def job_removed(self, job: Job) -> None:
        """See `Observer`."""
        for known in (self._owners, self._told, self._dirty):
            known.pop(job.number, None)
        self._server.withdraw(job_path(job.number))

    @_never_raises
    def apps_changed(self, ids: Collection[str]) -> None:
        """See `Observer`."""
        self._facts.clear()
        for app_id in ids:
            self._sync_app(app_id)
        self._server.emit(ROOT, "AppsChanged", sorted(ids))
        self._server.changed(ROOT, ["UpdatesAvailable"])

    @_never_raises
    def remotes_changed(self, names: Collection[str]) -> None:
        """See `Observer`."""
        told = self._renew_remotes().union(names)
        self._server.emit(ROOT, "RemotesChanged", sorted(told))

    @_never_raises
    def remote_refreshed(self, name: str) -> None:
        """See `Observer`."""
        if self._server.exported(remote_path(name)) is not None:
            self._server.changed(remote_path(name), ["LastRefreshed", "AppStreamPath"])

    @_never_raises
    def sync_remotes(self) -> None:
        """Tell what an administrator edited, who may do so at any time."""
        if changed := self._renew_remotes():
            self._server.emit(ROOT, "RemotesChanged", sorted(changed))

    def _renew_remotes(self) -> set[str]:
        """Make the objects equal to the configuration; the names of those that were not.

        One broken file must not take the daemon off the bus: what was known stays, and the journal says why.
        """
        try:
            known = {remote_path(facts.name): facts for facts in self._service.remotes.all()}
        except AppctlError as error:
            _log.warning("the remotes on the bus are those of before: %s", error.message)
            return set()
        changed = {path for path, facts in known.items() if self._renew_remote(path, facts)}
        for path in (gone := self._remotes.keys() - known.keys()):
            self._server.withdraw(path)
        names = {self._remotes[path] for path in gone} | {known[path].name for path in changed}
        self._remotes = {path: facts.name for path, facts in known.items()}
        return names

    def _renew_remote(self, path: str, facts: RemoteFacts) -> bool:
        item = self._server.exported(path)
        if not isinstance(item, RemoteObject):
            self._server.export(path, RemoteObject(facts, self._service.remotes))
        elif item.facts != facts:
            item.facts = facts
            self._server.changed_all(path)
        else:
            return False
        return True

    @_never_raises
    def policy_edited(self) -> None:
        """Tell what the administrator's files may say otherwise by now."""
        self._server.changed(ROOT, ["AutomaticUpdatePolicy"])

    async def _watch(self) -> None:
        """Look again whenever a file was written, for as long as the loop runs."""
        remotes, policy = await self._service.remotes.stamp(), await self._service.automatic.stamp()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if (now := await self._service.remotes.stamp()) != remotes:
                remotes = now
                self.sync_remotes()
            if (now := await self._service.automatic.stamp()) != policy:
                policy = now
                self.policy_edited()

    @_never_raises
    def updates_changed(self) -> None:
        """See `Observer`."""
        self._facts.clear()
        for app_id in self._all_facts():
            self._sync_app(app_id)
        self._server.changed(ROOT, UPDATES)
        self._server.emit(ROOT, "UpdatesChanged")

    # Apps

    def app_facts(self, app_id: str) -> JsonObject:
        """The facts about one app; read once for however many are asked in one turn of the loop."""
        return self._all_facts().get(app_id, {})

    def _all_facts(self) -> dict[str, JsonObject]:
        if not self._facts:
            self._facts = {str(facts["id"]): facts for facts in self._service.apps.list()}
            asyncio.get_running_loop().call_soon(self._facts.clear)
        return self._facts

    def _sync_app(self, app_id: str) -> None:
        path = app_path(app_id)
        if app_id not in self._all_facts():
            self._server.withdraw(path)
        elif self._server.exported(path) is None:
            self._server.export(path, AppObject(app_id, self.app_facts))
        else:
            self._server.changed_all(path)

    # Sampling

    def _touch_manager(self) -> None:
        self._manager_dirty = True
        self._schedule()

    def _schedule(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SAMPLE_SECONDS, self._sample)

    @_never_raises
    def _sample(self) -> None:
        self._timer = None
        if self._server.is_stuck:  # what has moved meanwhile is told once, and not five times a second
            self._schedule()
            return
        jobs, self._dirty = list(self._dirty.values()), {}
        for job in jobs:
            self._tell(job)
        if self._manager_dirty:
            self._manager_dirty = False
            self._server.changed(ROOT, ["Busy", "ActiveJobs"])

    def _tell(self, job: Job) -> None:
        """Tell the owners what differs from what they were told last."""
        owners, path = self._owners.get(job.number), job_path(job.number)
        if not owners or self._server.exported(path) is None:
            return
        if names := self._news(job):
            for owner in owners:
                self._server.changed(path, names, to=owner)

    def _news(self, job: Job, *, everything: bool = False) -> list[str]:
        """The names of properties that differ from what was told last, or of all; they count as told."""
        item = self._server.exported(job_path(job.number))
        now = self._fingerprint(item) if item is not None else {}
        before = {} if everything else self._told.get(job.number, {})
        self._told[job.number] = now
        return [name for name, value in now.items() if before.get(name) != value]

    def _object(self, job: Job) -> JobObject:
        return JobObject(job, self._service.jobs, self._service.uid, self.leave)

    def _fingerprint(self, item: Exported) -> dict[str, str]:
        """What every property says, in a form that does not change when the job does."""
        return {name: repr(getattr(item, snake(name))) for name in self._server.properties(item)}
