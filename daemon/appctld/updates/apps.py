# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The installed apps as callers see them: records, with what the last check for updates found."""

from collections.abc import Callable, Mapping

from appctld.jobs.views import app_view
from appctld.model.jsonvalue import JsonObject
from appctld.state.available import Available, last_check
from appctld.state.paths import Paths
from appctld.state.records import Installed, installed
from appctld.state.running import is_running
from appctld.updates.due import due


class Apps:
    """Reads the state anew at every call; holds nothing. `max_ages` are the remotes' (R9)."""

    def __init__(self, paths: Paths, scope: str, max_ages: Callable[[], Mapping[str, int]]) -> None:
        self._paths = paths
        self._scope = scope
        self._max_ages = max_ages

    def list(self) -> list[JsonObject]:
        """Every installed app, by ID, with kebab-case keys."""
        apps = installed(self._paths)
        updates, ages = due(last_check(self._paths), apps), self._max_ages()
        return [
            {
                **self._view(app),
                "max-age": ages.get(app.current.remote, 0),
                **_update_view(updates.get(app_id)),
            }
            for app_id, app in apps.items()
        ]

    def _view(self, app: Installed) -> JsonObject:
        return app_view(app, self._paths, self._scope, running=self._is_running(app))

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
        "latest-digest": str(update.digest) if update else "",
    }
