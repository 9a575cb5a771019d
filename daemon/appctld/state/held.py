# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which apps somebody holds: what is not asked for by name updates none of them.

Guarantees: a file that cannot be read is RepoCorrupt and no empty one, so that nothing is updated against
somebody's word. Leaves to others: that an app which is not installed any more is forgotten here.
"""

import json
from collections.abc import Iterable

from appctld.errors import RepoCorrupt
from appctld.model.jsonvalue import JsonError, get_strings, parse_object
from appctld.state.paths import Paths
from appctld.system.durable import write_file

FILE_BYTES = 4 << 20  # an ID has 255 bytes at most


def held(paths: Paths) -> frozenset[str]:
    """The IDs. Raises RepoCorrupt."""
    try:
        return frozenset(get_strings(parse_object(paths.held.read_bytes(), FILE_BYTES), "held"))
    except FileNotFoundError:
        return frozenset()
    except (OSError, JsonError) as error:
        raise RepoCorrupt(
            f"{paths.held} cannot be read, which says what is held",
            path=str(paths.held),
            hint="move it away, then: appctl hold ID",
        ) from error


def shown_held(paths: Paths) -> frozenset[str]:
    """The same for who only shows it: where it cannot be read, the next update says so."""
    try:
        return held(paths)
    except RepoCorrupt:
        return frozenset()


def hold(paths: Paths, app_id: str, *, wanted: bool) -> bool:
    """Hold an app, or do so no longer; whether that is other than before. Raises RepoCorrupt."""
    before = held(paths)
    after = before | {app_id} if wanted else before - {app_id}
    if after != before:
        write_file(paths.held, json.dumps({"held": sorted(after)}).encode())
    return after != before


def forget_held(paths: Paths, ids: Iterable[str]) -> None:
    """Hold none of these any more: they are not installed. Raises RepoCorrupt."""
    for app_id in ids:
        hold(paths, app_id, wanted=False)
