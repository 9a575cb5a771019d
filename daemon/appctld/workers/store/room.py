# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The operation `room`: what may still be written, and what stays free. It writes nothing."""

from pathlib import Path

from appctld.model.jsonvalue import JsonObject, get_str
from appctld.workers.protocol import Report
from appctld.workers.store.ostree.repository import Repository


def room(request: JsonObject, _report: Report) -> JsonObject:
    """`{"repo"}` -> `{"free", "reserve"}` in bytes; `free` is below 0 where the reserve is touched."""
    repository = Repository.open(Path(get_str(request, "repo")))
    return {"free": repository.free_space(), "reserve": repository.reserve()}
