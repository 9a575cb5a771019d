# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The installed apps as callers see them: records, and what checks of them, and for updates, found last."""

from collections.abc import Callable, Collection, Mapping, Sequence

from appctld.jobs.reporting.views import app_view
from appctld.model.jsonvalue import JsonObject
from appctld.state.available import Available, last_check
from appctld.state.damaged import damaged
from appctld.state.held import shown_held
from appctld.state.paths import Paths
from appctld.state.reading import Reading
from appctld.state.records import Installed
from appctld.state.running import is_running
from appctld.state.skipped import skipped
from appctld.updates.due import due

RUNNING = "running"


class Apps:
    """Holds only what the disk still says at every call. `max_ages` are the remotes' (R9)."""

    def __init__(self, paths: Paths, scope: str, max_ages: Callable[[], Mapping[str, int]]) -> None:
        self._paths = paths
        self._scope = scope
        self._max_ages = max_ages
        self._reading = Reading(paths)
        self._views: dict[str, tuple[Installed, JsonObject]] = {}

    def list(self) -> list[JsonObject]:
        """Every installed app, by ID, with kebab-case keys."""
        return [*self._facts(running=True)]

    def some(self, keys: Collection[str]) -> Sequence[JsonObject]:
        """The same with these keys alone; whether an app runs is looked at only where that is asked.

        Anybody may ask for millions of keys, so what is done for each app must not grow with them.
        """
        asked = frozenset(keys)
        found = self._facts(running=RUNNING in asked)
        return [{key: fact for key, fact in facts.items() if key in asked} for facts in found]

    def _facts(self, *, running: bool) -> Sequence[JsonObject]:
        apps = self._reading.installed()
        self._views = {app_id: self._view(app_id, app) for app_id, app in apps.items()}
        check, ages = last_check(self._paths), self._max_ages()
        updates = due(check, apps)
        held, skipping, bad = shown_held(self._paths), skipped(self._paths), damaged(self._paths)
        return [
            {
                **view,
                **({RUNNING: self._is_running(app)} if running else {}),
                "max-age": ages.get(app.current.remote, 0),
                "held": app_id in held,
                "skipped-digest": str(skipping.get(app_id, "")),
                "last-error": bad.get(f"{app_id}/{app.current.deployment}", check.errors.get(app_id, "")),
                **_update_view(updates.get(app_id)),
            }
            for app_id, (app, view) in self._views.items()
        ]

    def _view(self, app_id: str, app: Installed) -> tuple[Installed, JsonObject]:
        known = self._views.get(app_id)
        if known is not None and known[0] is app:
            return known
        return app, app_view(app, self._paths, self._scope)

    def _is_running(self, app: Installed) -> bool:
        directory = self._paths.app(app.current.id)
        return any(is_running(directory / record.deployment) for record in app.records)

    def last_check_time(self) -> int:
        """When updates were last looked for, in seconds since 1970; 0 for never."""
        return last_check(self._paths).time


def _update_view(update: Available | None) -> JsonObject:
    return {
        "update-available": update is not None,
        "update-version": update.version if update else "",
        "update-size": update.size if update else 0,
        "update-permissions": [one.to_json() for one in update.asks] if update else [],
        "update-permissions-hash": update.permissions_hash if update else "",
        "latest-digest": str(update.digest) if update else "",
    }
