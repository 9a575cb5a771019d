# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl uninstall`: remove apps. The caller's own data stays, and is named, unless --delete-data is given.

The data is removed here, by the caller and of the caller only; the daemon never touches a home directory.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from appctl.actions.apps import by_scope, ids_of, report
from appctl.context import Context
from appctl.talk.outcome import Outcome
from appctl.talk.wire import Json, get_int, get_objects, get_str
from appctl.terminal.ask import confirm
from appctl.terminal.show import escape, note, size


def uninstall(context: Context) -> int:
    """Remove the apps of the command line; each is tried."""
    wanted, unknown = by_scope(context, context.options.ids)
    apps = [app for theirs in wanted.values() for app in theirs]
    if apps and not context.options.yes:
        note(*_preview(context, apps))
    if apps:
        confirm(context.options, "Uninstall?")
    outcomes = [
        _known(context.tried_job(scope, "Uninstall", "asa{sv}", ids_of(theirs), {}), theirs)
        for scope, theirs in wanted.items()
    ]
    for outcome in outcomes:
        _say(context, outcome)
    return report(context, outcomes, unknown)


def _known(outcome: Outcome, before: Sequence[Json]) -> Outcome:
    """Add what was known of the apps to what is said about their end."""
    known = {get_str(app, "id"): app for app in before}
    apps = [{**known.get(get_str(app, "id"), {}), **app} for app in get_objects(outcome.result, "apps")]
    return Outcome(outcome.state, {**outcome.result, "apps": list(apps)}, outcome.failures)


def _say(context: Context, outcome: Outcome) -> None:
    apps = get_objects(outcome.result, "apps")
    for app in apps:
        context.say(f"Uninstalled {escape(get_str(app, 'id'))}.")
        _data(context, get_str(app, "id"))
    if apps and (freed := get_int(outcome.result, "freed-bytes")):
        context.say(f"Freed {size(freed)}.")


def _preview(context: Context, apps: list[Json]) -> list[str]:
    lines = []
    for app in apps:
        data = context.places.app_data(get_str(app, "id"))
        fate = "goes too" if context.options.delete_data else "stays"
        theirs = f" Your data {escape(str(data))} ({size(_size(data))}) {fate}." if data.is_dir() else ""
        frees = size(get_int(app, "installed-size"))
        lines.append(f"{escape(get_str(app, 'id'))}: frees up to {frees}.{theirs}")
    return lines


def _data(context: Context, app: str) -> None:
    """Remove, or name, the caller's data of an app that is gone."""
    data = context.places.app_data(app)
    if not data.is_dir():
        return
    if not context.options.delete_data:
        context.say(f"Your data {escape(str(data))} stays.")
    elif not data.is_symlink():
        shutil.rmtree(data)
        context.say(f"Your data {escape(str(data))} is removed.")


def _size(top: Path) -> int:
    """Bytes of all files below; what cannot be read does not count."""
    total = 0
    for directory, _, files in os.walk(top):
        total += sum(os.lstat(Path(directory, name)).st_size for name in files)
    return total
