# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What the store is told of installed apps and of remotes, where catalogues are searched and united."""

import hashlib
import json
from collections.abc import Iterable, Sequence

from appctld.config.remote import Remote
from appctld.jobs.reporting.views import kind_of
from appctld.model.jsonvalue import Json, JsonObject
from appctld.state.records import Installed


def views(apps: Iterable[Installed]) -> list[JsonObject]:
    """The apps among them: nobody looks for a runtime."""
    return [_view(app) for app in apps if kind_of(app.current.flatpak_ref) == "app"]


def hash_of(apps: Sequence[JsonObject]) -> str:
    """A hash of them, which is another once any of them changed."""
    return hashlib.sha256(json.dumps(apps, sort_keys=True).encode()).hexdigest()


def listing(remotes: Iterable[Remote]) -> list[Json]:
    """The remotes, with the IDs that they use."""
    return [{"name": remote.name, "ids": [*remote.ids]} for remote in remotes]


def _view(app: Installed) -> JsonObject:
    record = app.current
    return {
        "id": record.id,
        "reference": record.reference,
        "remote": record.remote,
        "deployment": record.deployment,
        "name": record.title or record.id,
        "version": record.version,
        "signed": bool(record.signers),
    }
