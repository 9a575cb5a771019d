# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which deployments the last checks found damaged, or no longer trusted: what those who show apps tell.

A hint, about the past: a file that cannot be read counts as none, and only another check says that all is
well. Leaves to others: that an app which is not installed any more is forgotten here.
"""

import json
from collections.abc import Collection, Iterable, Mapping

from appctld.model.jsonvalue import JsonError, get_string_map, parse_object
from appctld.state.paths import Paths
from appctld.system.durable import write_file

FILE_BYTES = 4 << 20  # some 300 bytes a deployment that is not well

Damaged = Mapping[str, str]
"""The last part of an ErrorName by `ID/DEPLOYMENT`."""


def damaged(paths: Paths) -> Damaged:
    """All that are known."""
    try:
        return get_string_map(parse_object(paths.damaged.read_bytes(), FILE_BYTES), "damaged")
    except (OSError, JsonError):
        return {}


def remember_damaged(paths: Paths, looked_at: Collection[str], found: Damaged) -> list[str]:
    """Write down what was found where these deployments were looked at; the apps of which that is news.

    What is known of others stays, as long as they are there.
    """
    before = damaged(paths)
    others = {
        name: error for name, error in before.items() if name not in looked_at and _is_there(paths, name)
    }
    after = {**others, **found}
    if after != before:
        _write(paths, after)
    return sorted({_app(name) for name, _ in before.items() ^ after.items()})


def forget_damaged(paths: Paths, ids: Iterable[str]) -> None:
    """Know nothing of these apps: they are not installed."""
    before, gone = damaged(paths), frozenset(ids)
    after = {name: error for name, error in before.items() if _app(name) not in gone}
    if after != before:
        _write(paths, after)


def _app(name: str) -> str:
    return name.partition("/")[0]


def _is_there(paths: Paths, name: str) -> bool:
    return (paths.apps / name).is_dir()


def _write(paths: Paths, known: Damaged) -> None:
    write_file(paths.damaged, json.dumps({"damaged": dict(known)}, sort_keys=True).encode())
