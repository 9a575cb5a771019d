# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is known about updates: what the last check found, what waits for approval, what failed last.

A hint: an update resolves and verifies anew, and nothing is approved by what stands here.
"""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from appctld.errors import BadManifest
from appctld.model.digest import Digest
from appctld.model.jsonvalue import (
    JsonError,
    JsonObject,
    get_int,
    get_list,
    get_objects,
    get_str,
    get_string_map,
    get_strings,
    parse_object,
)
from appctld.model.permissions import Permission
from appctld.state.paths import Paths
from appctld.system.durable import write_file

FILE_BYTES = 4 << 20  # some 200 bytes an app, and 80 a layer of one that waits


@dataclass(frozen=True, slots=True)
class Available:
    """A newer image of an installed app. `size` is what would be downloaded, in bytes.

    `asks` is what it asks for that nobody approved, `permissions_hash` names the whole set. `refs` keep what
    was brought here, of it and of what comes with it, while it waits to be approved or installed.
    """

    id: str
    version: str
    size: int
    digest: Digest
    asks: tuple[Permission, ...] = ()
    permissions_hash: str = ""
    refs: tuple[str, ...] = ()

    def to_json(self) -> JsonObject:
        """As it stands in the file."""
        return {
            "id": self.id,
            "version": self.version,
            "size": self.size,
            "digest": str(self.digest),
            "asks": [permission.to_json() for permission in self.asks],
            "permissions_hash": self.permissions_hash,
            "refs": [*self.refs],
        }

    @classmethod
    def from_json(cls, obj: JsonObject) -> Self:
        """Read it back; files of before say less. Raises JsonError or BadManifest."""
        return cls(
            get_str(obj, "id"),
            get_str(obj, "version"),
            get_int(obj, "size"),
            Digest.parse(get_str(obj, "digest")),
            tuple(map(Permission.from_json, get_list(obj, "asks", []))),
            get_str(obj, "permissions_hash", ""),
            tuple(get_strings(obj, "refs", [])),
        )


@dataclass(frozen=True, slots=True)
class LastCheck:
    """When it was (seconds since 1970, 0 for never), what was there, and the last error of each app by ID."""

    time: int
    updates: tuple[Available, ...]
    errors: Mapping[str, str] = field(default_factory=dict)

    def about(self, app_id: str) -> Available | None:
        """What is known of one app's update."""
        return next((update for update in self.updates if update.id == app_id), None)


def remember_check(
    paths: Paths, found: Mapping[str, Available | None], failed: Mapping[str, str] | None = None
) -> bool:
    """Write down what a check found of each app that it looked at, or how that failed. Whether that is news.

    Of the others, and of an update that could not be looked for, stays what is known by now; so does what was
    brought here for an approval.
    """
    before, failed = last_check(paths), failed or {}
    updates = [one for one in before.updates if one.id not in found]
    updates += [_kept(one, before) for one in found.values() if one is not None]
    errors = {app_id: error for app_id, error in before.errors.items() if app_id not in found}
    after = LastCheck(int(time.time()), tuple(updates), {**errors, **failed})
    _write(paths, after)
    return (before.updates, before.errors) != (after.updates, after.errors)


def remember_failure(paths: Paths, app_id: str, error: str, waiting: Available | None = None) -> bool:
    """How an app's update failed, and what waits for approval; whether that is news."""
    before = last_check(paths)
    errors = {**before.errors, app_id: error}
    updates = before.updates if waiting is None else _with(waiting, before)
    return _changed(paths, before, replace(before, updates=updates, errors=errors))


def remember_waiting(paths: Paths, waiting: Available) -> None:
    """What is brought here of an update before somebody installs it."""
    before = last_check(paths)
    _changed(paths, before, replace(before, updates=_with(waiting, before)))


def remember_success(paths: Paths, app_id: str) -> bool:
    """An app's update went well, or there was none: nothing waits any more. Whether that is news."""
    before = last_check(paths)
    errors = {other: error for other, error in before.errors.items() if other != app_id}
    updates = tuple(replace(one, refs=()) if one.id == app_id else one for one in before.updates)
    return _changed(paths, before, replace(before, updates=updates, errors=errors))


def forget_updates(paths: Paths, ids: Iterable[str]) -> bool:
    """Nothing is known of these: they are not installed. Whether that is news."""
    before, gone = last_check(paths), frozenset(ids)
    updates = tuple(one for one in before.updates if one.id not in gone)
    errors = {app_id: error for app_id, error in before.errors.items() if app_id not in gone}
    return _changed(paths, before, replace(before, updates=updates, errors=errors))


def waiting_refs(paths: Paths) -> set[str]:
    """The refs of what was brought here and waits to be approved or installed."""
    return {ref for one in last_check(paths).updates for ref in one.refs}


def last_check(paths: Paths) -> LastCheck:
    """The last check; a file that cannot be read counts as none."""
    try:
        obj = parse_object(paths.last_check.read_bytes(), FILE_BYTES)
        updates = tuple(map(Available.from_json, get_objects(obj, "updates")))
        return LastCheck(get_int(obj, "time"), updates, get_string_map(obj, "errors", {}))
    except (OSError, JsonError, BadManifest):
        return LastCheck(0, ())


def _with(update: Available, before: LastCheck) -> tuple[Available, ...]:
    """What was known of the other apps' updates, and this."""
    return (*(one for one in before.updates if one.id != update.id), _kept(update, before))


def _kept(update: Available, before: LastCheck) -> Available:
    """The same, with what was brought here of that very image."""
    known = before.about(update.id)
    same = known is not None and known.digest == update.digest
    return replace(update, refs=update.refs or known.refs) if known and same else update


def _changed(paths: Paths, before: LastCheck, after: LastCheck) -> bool:
    if after != before:
        _write(paths, after)
    return after != before


def _write(paths: Paths, check: LastCheck) -> None:
    obj = {
        "time": check.time,
        "updates": [one.to_json() for one in check.updates],
        "errors": dict(check.errors),
    }
    write_file(paths.last_check, json.dumps(obj).encode())
