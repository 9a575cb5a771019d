# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl uninstall`: remove apps. The caller's own data stays, and is named, unless --delete-data is given.

The data is removed here, by the caller and of the caller only; the daemon never touches a home directory.
"""

import contextlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from appctl.actions.apps import by_scope, ids_of, name_of, report
from appctl.caller_files import everything_below, remove_tree
from appctl.context import Context
from appctl.failure import Failure, usage
from appctl.talk.outcome import Outcome
from appctl.talk.wire import Json, get_int, get_objects, get_str
from appctl.terminal.ask import confirm
from appctl.terminal.show import escape, note, size


def uninstall(context: Context) -> int:
    """Remove the apps of the command line; each is tried."""
    ignore = context.options.ignore
    if context.options.detach and context.options.delete_data:
        raise usage("your data is removed by this command, when the app is gone", "without --detach")
    wanted, unknown = by_scope(context, context.options.ids)
    if ignore:
        unknown = [failure for failure in unknown if failure.name != "NotInstalled"]
    apps = [app for theirs in wanted.values() for app in theirs]
    if apps and not context.options.yes:
        note(*_preview(context, apps))
    if apps:
        confirm(context.options, "Uninstall?")
    outcomes: list[Outcome] = []
    for scope, theirs in wanted.items():
        outcome = context.tried_job(scope, "Uninstall", "asa{sv}", ids_of(theirs), {"ignore": ignore})
        outcomes.append(_known(outcome, theirs))
        if outcome.was_cancelled:
            break
    left = [failure for outcome in outcomes for failure in _say(context, outcome)]
    return report(context, [*outcomes, Outcome("", {}, tuple(left))], unknown)


def _known(outcome: Outcome, before: Sequence[Json]) -> Outcome:
    """Add what was known of the apps to what is said about their end."""
    known = {get_str(app, "id"): app for app in before}
    apps = [{**known.get(get_str(app, "id"), {}), **app} for app in get_objects(outcome.result, "apps")]
    return Outcome(outcome.state, {**outcome.result, "apps": list(apps)}, outcome.failures)


def _say(context: Context, outcome: Outcome) -> Iterator[Failure]:
    """Say what is gone, and see to the data; yields what of that failed."""
    apps = get_objects(outcome.result, "apps")
    for app in filter(_was_there, apps):
        context.say(f"Uninstalled {escape(get_str(app, 'id'))}.")
        yield from _data(context, get_str(app, "id"))
    if apps and (freed := get_int(outcome.result, "freed-bytes")):
        context.say(f"Freed {size(freed)}.")


def _was_there(app: Json) -> bool:
    """Whether it was removed by us: with --ignore somebody else may have been faster."""
    return app.get("changed") is not False


def _preview(context: Context, apps: Sequence[Json]) -> list[str]:
    """One line an app. It is named where nothing else on the line says which it is."""
    lines = []
    for app in apps:
        data = context.places.app_data(get_str(app, "id"))
        start = "Frees" if len(apps) == 1 and data.is_dir() else f"{name_of(app)}: frees"
        lines.append(f"{start} {_frees(app)}.{_fate(context, data)}")
    return lines


def _fate(context: Context, data: Path) -> str:
    fate = "goes too" if context.options.delete_data and not data.is_symlink() else "stays"
    return f" Your data {_shown(context, data)} ({size(_size(data))}) {fate}." if data.is_dir() else ""


def _shown(context: Context, data: Path) -> str:
    """A path below the home directory, as people write it; escaped."""
    home = context.places.home
    return escape(f"~/{data.relative_to(home)}" if data.is_relative_to(home) else str(data))


def _frees(app: Json) -> str:
    """What nothing but this app holds: of such a file all names are its own, but for the stored object."""
    links: dict[int, tuple[int, int]] = {}
    names: Counter[int] = Counter()
    deployment = Path(get_str(app, "deployment"))
    for found in _files(deployment.parent.parent) if deployment.is_absolute() else ():
        links[found.st_ino] = (found.st_nlink, found.st_size)
        names[found.st_ino] += 1
    if not links:
        return f"up to {size(get_int(app, 'installed-size'))}"
    return size(sum(count for inode, (held, count) in links.items() if held <= names[inode] + 1))


def _files(top: Path) -> Iterator[os.stat_result]:
    """Every file below; what goes meanwhile is none."""
    for entry in everything_below(top):
        if not entry.is_dir(follow_symlinks=False):
            with contextlib.suppress(OSError):
                yield entry.stat(follow_symlinks=False)


def _data(context: Context, app: str) -> Iterator[Failure]:
    """Remove, or name, the caller's data of an app that is gone; yields what could not be removed.

    Where a link leads is somebody's own choice, and stays.
    """
    data = context.places.app_data(app)
    if not data.is_dir():
        return
    shown = _shown(context, data)
    if not context.options.delete_data or data.is_symlink():
        context.say(f"Your data {shown} stays.")
        return
    remove_tree(data)
    if os.path.lexists(data):
        yield Failure(
            "Failed", f"{app} is uninstalled, but not all of {data} could be removed", f"ls -lR {data}"
        )
    else:
        context.say(f"Your data {shown} is removed.")


def _size(top: Path) -> int:
    """Bytes of all files below."""
    return sum(found.st_size for found in _files(top))
