# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The installed apps as callers see them: records, with what the last check for updates found."""

from appctld.errors import NotInstalled
from appctld.jobs.views import app_view
from appctld.model.jsonvalue import JsonObject
from appctld.state.available import Available, last_check
from appctld.state.paths import Paths
from appctld.state.records import Installed, installed
from appctld.state.running import is_running


class Apps:
    """Reads the state anew at every call; holds nothing."""

    def __init__(self, paths: Paths, scope: str) -> None:
        self._paths = paths
        self._scope = scope

    def list(self) -> list[JsonObject]:
        """Every installed app, by ID, with kebab-case keys."""
        found = {update.id: update for update in last_check(self._paths).updates}
        return [
            {
                **app_view(app, self._paths, self._scope, running=self._is_running(app)),
                **_update_view(found.get(app_id), str(app.current.image_digest)),
            }
            for app_id, app in installed(self._paths).items()
        ]

    def _is_running(self, app: Installed) -> bool:
        directory = self._paths.app(app.current.id)
        return any(is_running(directory / record.deployment) for record in app.records)

    def get(self, app_id: str) -> JsonObject:
        """One app. Raises NotInstalled."""
        for app in self.list():
            if app["id"] == app_id:
                return app
        raise NotInstalled(f"{app_id} is not installed")

    def last_check_time(self) -> int:
        """When updates were last looked for, in seconds since 1970; 0 for never."""
        return last_check(self._paths).time


def _update_view(update: Available | None, current_digest: str) -> JsonObject:
    if update is None or str(update.digest) == current_digest:
        return {"update-available": False, "update-version": "", "update-size": 0, "latest-digest": ""}
    return {
        "update-available": True,
        "update-version": update.version,
        "update-size": update.size,
        "latest-digest": str(update.digest),
    }
