# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The Manager's members that only look: what is installed, what was done, what the daemon is."""

import json
from collections.abc import Mapping, Sequence

from appctld.bus.caller import Caller
from appctld.bus.objects.asked import Options
from appctld.bus.objects.manager.part import Part
from appctld.bus.objects.texts import check_texts
from appctld.bus.polkit import ACTIONS
from appctld.bus.wire.paths import BUS_NAME, job_path
from appctld.errors import NotFound
from appctld.model.jsonvalue import JsonObject, get_int

API_VERSION = 1
UPDATE = "update-available"


class Facts(Part):
    """Nobody is asked for them; of the history everybody sees their own."""

    async def list(self, caller: Caller, options: Options) -> list[JsonObject]:  # noqa: ARG002 - anybody may look
        """What is installed and passes the filters."""
        return _filtered(self._service.apps.list(), _wanted(options))

    async def list_text(self, caller: Caller, options: Options, keys: Sequence[str]) -> str:  # noqa: ARG002
        """Some facts of the same apps, as JSON."""
        wanted, asked = _wanted(options), frozenset(keys)
        found = _filtered(self._service.apps.some(asked | wanted.keys()), wanted)
        return json.dumps([{key: fact for key, fact in app.items() if key in asked} for app in found])

    async def history(self, caller: Caller, options: Options) -> Sequence[JsonObject]:
        """What was done and what failed: the caller's own, and what nobody asked for; root sees all."""

        def wanted(entry: JsonObject) -> bool:
            theirs = caller.uid in {entry["uid"], 0} or self._is_everybodys(entry)
            fits = not options.get("failed") or bool(entry.get("error"))
            return theirs and fits and get_int(entry, "time") >= since

        since = given if isinstance(given := options.get("since"), int) else 0
        limit = options.get("limit")
        return self._service.history(wanted, limit if isinstance(limit, int) else None)

    def _is_everybodys(self, entry: JsonObject) -> bool:
        """Whether no user is behind it: it is about apps that all see, with no login but the machine's."""
        return entry["uid"] == self._service.uid and entry.get("background") is True

    async def can_authorize(self, caller: Caller, action: str) -> str:
        """Whether the caller may, without asking anybody."""
        known = action.removeprefix(f"{BUS_NAME}.")
        if known not in ACTIONS:
            raise NotFound(f"there is no action {action[:80]!a}")
        return await self._service.authorizer.can(caller, known)

    @property
    def api_version(self) -> int:  # noqa: D102 - the XML says what it is
        return API_VERSION

    @property
    def daemon_version(self) -> str:  # noqa: D102 - the XML says what it is
        return self._service.version

    @property
    def scope(self) -> str:  # noqa: D102 - the XML says what it is
        return self._service.scope

    @property
    def features(self) -> tuple[str, ...]:  # noqa: D102 - the XML says what it is
        return ()

    @property
    def busy(self) -> bool:  # noqa: D102 - the XML says what it is
        return bool(self._service.jobs.active())

    @property
    def active_jobs(self) -> tuple[str, ...]:  # noqa: D102 - the XML says what it is
        return tuple(job_path(job.number) for job in self._service.jobs.active())

    @property
    def updates_available(self) -> int:  # noqa: D102 - the XML says what it is
        # nothing else: whether one runs is looked at with its lock, which who starts it may then not get
        apps = self._service.apps.some({UPDATE})
        return sum(app.get(UPDATE) is True for app in apps)

    @property
    def last_update_check(self) -> int:  # noqa: D102 - the XML says what it is
        return self._service.apps.last_check_time()


def _wanted(options: Options) -> Mapping[str, object]:
    """The facts that an app must have to be listed. Raises InvalidReference for one that none could have."""
    check_texts(options)
    wanted = {key: options[key] for key in ("scope", "remote") if key in options}
    return {**wanted, UPDATE: True} if options.get("updates") else wanted


def _filtered(apps: Sequence[JsonObject], wanted: Mapping[str, object]) -> list[JsonObject]:
    return [app for app in apps if all(app.get(key) == value for key, value in wanted.items())]
