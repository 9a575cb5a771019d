# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The log of what was changed, and by whom: append and fsync, one JSON object a line."""

import json
import time

from appctld.model.jsonvalue import JsonObject
from appctld.state.paths import Paths
from appctld.system.durable import append_line


def record_event(paths: Paths, event: JsonObject) -> None:
    """Add one event, with the time in seconds since 1970."""
    append_line(paths.history, json.dumps({"time": int(time.time()), **event}, sort_keys=True).encode())
