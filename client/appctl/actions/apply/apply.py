# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl apply`: install what the files of apps.d name, hold what they say, with --prune remove the others.

Nobody is asked: the files are the answer. Guarantees: nothing is changed before all files were read and all
that can be found out was; each app is tried, and the exit code is the first failure's; where all is as the
files say nothing is done. --prune removes apps alone, never data, nor a runtime or an extension, which others
may stand on; and nothing at all while it is not known which app some file means.
"""

from collections.abc import Sequence
from pathlib import Path

from appctl.actions.apply.declared import Declared, check_once, declared
from appctl.actions.apply.step import HOLD, INSTALL, UNHOLD, UPDATE, Step, steps, unapproved
from appctl.actions.apps import ids_of, installed_in, name_of, tell_all, with_it
from appctl.context import Context
from appctl.failure import Failure, usage
from appctl.talk.outcome import THE_END
from appctl.talk.wire import Json, JsonValue, get_objects, get_str, get_strings
from appctl.terminal.show import escape

AT_ONCE = 32  # apps of one Uninstall (data/dbus/org.appctl.Installer1.xml)
_DONE = {INSTALL: "Installed", UPDATE: "Updated", HOLD: "Held", UNHOLD: "Holds no longer:"}


def apply(context: Context) -> int:
    """Make what is installed in the scope what the files of the command line, or of apps.d, say."""
    wanted = _read(context)
    apps = installed_in(context, context.scope)
    todo = steps(context, wanted, apps)
    check_once("the app", ((step.id, step.declared.file) for step in todo if step.id))
    doomed = _doomed(context, todo, apps) if context.options.prune else []
    if context.options.dry_run:
        _say_what_would_be(context, todo, doomed)
        return _report(context, todo, doomed, [])
    failures = _carry_out(context, todo)
    removed: list[Json] = []
    if not failures:
        removed, failures = _removed(context, doomed)
    _say_nothing_to_do(context, todo, removed, failures)
    return _report(context, todo, removed, failures)


def _read(context: Context) -> list[Declared]:
    """Read what is declared. Raises Failure (Usage)."""
    options = context.options
    if options.place == "":
        raise usage("'' is no file and no directory", "without one: /etc/appctl/apps.d")
    place = Path(options.place) if options.place else context.places.configuration(context.scope) / "apps.d"
    found = declared(place, needed=bool(options.place))
    if options.prune and not found:
        raise usage(f"{place} names no app, and --prune would remove every one", "appctl uninstall ID")
    return found


def _doomed(context: Context, todo: Sequence[Step], apps: Sequence[Json]) -> list[Json]:
    """Which apps no file names; none while it is not known what some file means."""
    for step in todo:
        if not step.id:
            context.remark(f"Nothing is removed: which app {step.declared.file} means is not known.")
            return []
    named = {step.id for step in todo}
    return [app for app in apps if get_str(app, "kind") != "runtime" and get_str(app, "id") not in named]


def _carry_out(context: Context, todo: Sequence[Step]) -> list[Failure]:
    """Do what is to be done, each step for itself. Returns what ended all of it, if anything did."""
    for step in todo:
        try:
            _do(context, step)
        except Failure as failure:
            if failure.name in THE_END:
                return [failure]
            step.failures.append(failure)
    return []


def _do(context: Context, step: Step) -> None:
    for action in step.actions:
        if action in {INSTALL, UPDATE}:
            name = _install(context, step)
        else:
            context.call(context.scope, "SetHold", "sb", step.id, action == HOLD)
            name = escape(step.id)
        step.done.append(action)
        context.say(f"{_DONE[action]} {name}.")


def _install(context: Context, step: Step) -> str:
    """Install what was shown, or fail. Returns what it is called."""
    options: Json = {
        "accept-permissions": step.declared.permissions_hash or None,
        "expected-digest": step.digest,
        "reinstall": step.anew or None,
        "as-id": step.declared.as_id or None,
        "registry-auth": step.logins,
    }
    outcome = context.run_job(context.scope, "Install", "asa{sv}", [step.declared.reference], options)
    if outcome.failures:
        raise _naming_the_line(step, outcome.failures[0])
    (app,) = get_objects(outcome.result, "apps")
    return f"{name_of(app)}{with_it(app)}"


def _naming_the_line(step: Step, failure: Failure) -> Failure:
    """The same, with the line that would approve what the image asks for."""
    approves = get_str(failure.details, "permissions-hash")
    if failure.name != "NeedsApproval" or not approves:
        return failure
    asked = get_strings(failure.details, "asked") or get_strings(failure.details, "permissions")
    return unapproved(step.declared, step.id, asked, approves)


def _removed(context: Context, doomed: Sequence[Json]) -> tuple[list[Json], list[Failure]]:
    """Remove apps; those that are gone, and what failed."""
    gone: list[Json] = []
    failures: list[Failure] = []
    for start in range(0, len(doomed), AT_ONCE):
        ids = ids_of(doomed[start : start + AT_ONCE])
        outcome = context.tried_job(context.scope, "Uninstall", "asa{sv}", ids, {})
        gone += get_objects(outcome.result, "apps")
        failures += outcome.failures
        if outcome.is_the_end:
            break
    context.say(*(f"Removed {escape(get_str(app, 'id'))}, which no file names." for app in gone))
    return gone, failures


def _say_what_would_be(context: Context, todo: Sequence[Step], doomed: Sequence[Json]) -> None:
    for step in todo:
        if step.actions:
            context.say(
                f"Would {' and '.join(step.actions)} {escape(step.id)} ({escape(step.declared.reference)})."
            )
    context.say(*(f"Would remove {escape(get_str(app, 'id'))}, which no file names." for app in doomed))


def _say_nothing_to_do(
    context: Context, todo: Sequence[Step], removed: Sequence[Json], failures: Sequence[Failure]
) -> None:
    if not removed and not failures and not any(step.done or step.failures for step in todo):
        context.say("Everything is as the files say.")


def _report(context: Context, todo: Sequence[Step], removed: Sequence[Json], more: Sequence[Failure]) -> int:
    """Print the document, and what failed. The exit code is the first failure's."""
    failures = [*(failure for step in todo for failure in step.failures), *more]
    if context.options.json:
        dry_run = context.options.dry_run
        apps: list[JsonValue] = [step.to_json() for step in todo]
        context.put_json(
            {
                "changed": not dry_run and bool(removed or any(step.done for step in todo)),
                "dry-run": dry_run,
                "apps": apps,
                "removed": [*ids_of(removed)],
                "errors": [failure.to_json() for failure in failures],
            }
        )
    return tell_all(context, failures)
