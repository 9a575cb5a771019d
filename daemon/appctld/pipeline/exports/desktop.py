# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The desktop that apps are exported to: how they are started, and which names the host has itself.

Guarantees: an ID that the host's own desktop files or D-Bus services have is refused before anything is
fetched. Leaves to others: the names that an image exports beside its ID, which its tree tells (the store).
"""

import os
from dataclasses import dataclass
from pathlib import Path

from appctld.errors import Conflict
from appctld.model.jsonvalue import Json, JsonObject

HOST = (
    Path("/usr/local/share"),
    Path("/usr/share"),
)  # basedir-spec's default: what the distribution puts there


@dataclass(frozen=True, slots=True)
class Desktop:
    """`command` begins every `Exec=`: an absolute path, which GIO looks for, and fixed words.

    Without one nothing is exported. `host` are the directories of its own desktop files.
    """

    command: tuple[str, ...] = ()
    host: tuple[Path, ...] = HOST

    def to_json(self) -> JsonObject:
        """As the store takes it."""
        host: list[Json] = [str(path) for path in self.host]
        return {"command": [*self.command], "host": host}

    def check_free(self, app_id: str) -> None:
        """Raise Conflict for an ID that is an app of the host's."""
        for share in self.host:
            for path in (
                share / f"applications/{app_id}.desktop",
                share / f"dbus-1/services/{app_id}.service",
            ):
                if os.path.lexists(path):
                    raise Conflict(
                        f"{app_id} is an app that this machine has already ({path})",
                        hint=f"appctl install --as {app_id}_appctl REFERENCE    (another ID)",
                    )
