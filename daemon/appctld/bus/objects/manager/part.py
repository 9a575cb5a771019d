# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What all parts of the Manager have: a request is frozen, then authorized, then queued or done at once.

Guarantees: polkit is asked about exactly the values that the work is done with, and a yes counts only while
they are so. How those are checked and frozen is asked.py's, what polkit's answer means polkit.py's.
"""

from collections.abc import Callable, Collection, Mapping
from functools import partial

from appctld.bus.announcer import Announcer
from appctld.bus.caller import Caller
from appctld.bus.exported import Exported
from appctld.bus.objects.asked import UNKNOWN, Options, summary
from appctld.bus.service import Service
from appctld.bus.wire.paths import job_path
from appctld.errors import AppctlError, InvalidReference, NotAuthorized
from appctld.jobs.requests import AnyRequest

TOLD = frozenset({"id", "remote", "verify"})  # of installed apps, to polkit

Tell = Callable[[], Mapping[str, str]]
"""What polkit may show, and rules may look at, as it is now."""


class Part(Exported):
    """Some members of the object at the root."""

    def __init__(self, service: Service, announcer: Announcer) -> None:
        self._service = service
        self._announcer = announcer

    def _start(
        self,
        caller: Caller,
        request: AnyRequest,
        action: str,
        tell: Tell,
        also: tuple[str, ...] = (),
    ) -> str:
        """Begin a job, or join one that does the same; the path of its object."""
        authorize = partial(self._authorize, caller, (action, *also), tell, tell())
        jobs = self._service.jobs
        job = jobs.alike(request, caller.uid) or jobs.start(request, caller.uid, authorize)
        self._announcer.adopt(job, caller)
        return job_path(job.number)

    async def _authorize(
        self,
        caller: Caller,
        actions: tuple[str, ...],
        tell: Tell,
        told: Mapping[str, str],
    ) -> None:
        """Every action is asked about by itself: who may do the one may not do the other.

        A yes is about what was told, and a person may have taken minutes: another remote may cover a
        reference by then, or ask for less.
        """
        for action in actions:
            await self._service.authorizer.authorize(caller, action, told)
        if tell() != told:
            raise NotAuthorized("what polkit was asked about has changed meanwhile", hint="try again")

    async def _allowed(self, caller: Caller, action: str, tell: Tell) -> None:
        """Authorize what is answered at once, among as many questions as a user may have open."""
        with self._service.jobs.questions.open(caller.uid):
            await self._authorize(caller, (action,), tell, tell())

    def _about(self, refs: Collection[str], options: Options) -> Mapping[str, str]:
        """What polkit may show and rules may look at; what nobody covers the job will refuse by itself."""
        rows: list[tuple[str, str, str]] = []
        for text in refs:
            try:
                remote, reference = self._service.remotes.find(text, str(options.get("remote", "")))
            except InvalidReference:
                raise
            except AppctlError:
                rows.append((text, UNKNOWN, UNKNOWN))
            else:
                rows.append((str(reference), remote.name, remote.verify))
        return summary(rows, options.get("expected-digest", ""))

    def _installed(self, ids: Collection[str]) -> Mapping[str, str]:
        """The same about installed apps; none means all of them."""
        apps = {str(app["id"]): app for app in self._service.apps.some(TOLD)}
        rows = [(name, apps.get(name, {})) for name in ids or apps]
        return summary(
            (name, str(app.get("remote", UNKNOWN)), str(app.get("verify", UNKNOWN))) for name, app in rows
        )
