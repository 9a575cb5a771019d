# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What the last check for updates found. A hint: an update resolves and verifies anew."""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass

from appctld.errors import BadManifest
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonError, get_int, get_objects, get_str, parse_object
from appctld.state.paths import Paths
from appctld.system.durable import write_file

FILE_BYTES = 4 << 20  # some 200 bytes an app


@dataclass(frozen=True, slots=True)
class Available:
    """A newer image of an installed app. `size` is what would be downloaded, in bytes."""

    id: str
    version: str
    size: int
    digest: Digest


@dataclass(frozen=True, slots=True)
class LastCheck:
    """When was it (seconds since 1970, 0 for never), and what was there."""

    time: int
    updates: tuple[Available, ...]


def remember_check(paths: Paths, updates: Iterable[Available]) -> None:
    """Write down what a check found."""
    items = [
        {"id": one.id, "version": one.version, "size": one.size, "digest": str(one.digest)} for one in updates
    ]
    write_file(paths.last_check, json.dumps({"time": int(time.time()), "updates": items}).encode())


def last_check(paths: Paths) -> LastCheck:
    """The last check; a file that cannot be read counts as none."""
    try:
        obj = parse_object(paths.last_check.read_bytes(), FILE_BYTES)
        updates = tuple(
            Available(
                get_str(item, "id"),
                get_str(item, "version"),
                get_int(item, "size"),
                Digest.parse(get_str(item, "digest")),
            )
            for item in get_objects(obj, "updates")
        )
        return LastCheck(get_int(obj, "time"), updates)
    except (OSError, JsonError, BadManifest):
        return LastCheck(0, ())
