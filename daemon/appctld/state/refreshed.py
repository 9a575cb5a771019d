# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""When each remote was last asked what it has, without a failure. A hint: a broken file counts as none."""

import json
from pathlib import Path

from appctld.model.jsonvalue import JsonError, get_int, parse_object
from appctld.state.paths import Paths
from appctld.system.durable import write_file

FILE_BYTES = 64 << 10  # 500 remotes with names of 64 characters


def refreshed(paths: Paths) -> dict[str, int]:
    """By remote, in seconds since 1970."""
    try:
        obj = parse_object(_file(paths).read_bytes(), FILE_BYTES)
        return {name: get_int(obj, name) for name in obj}
    except (OSError, JsonError):
        return {}


def remember_refreshed(paths: Paths, name: str, when: int) -> None:
    """Write it down; 0 for a remote that is gone."""
    times = refreshed(paths) | {name: when}
    write_file(_file(paths), json.dumps({name: time for name, time in times.items() if time}).encode())


def _file(paths: Paths) -> Path:
    return paths.root / "refreshed.json"
