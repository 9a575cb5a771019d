# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl update`: bring installed apps up to date, or only look (`--check`).

An update that asks for nothing new needs no question. One that does is fetched and not deployed until
somebody grants it: asked here on a terminal, else exit code 6. `-y` does not grant it; --accept-permissions
does.
"""

from collections.abc import Sequence

from appctl.actions.apps import by_scope, ids_of, installed, name_of, report, tell_all
from appctl.ask import can_ask, confirm_trust
from appctl.bus import Outcome
from appctl.context import Context
from appctl.credentials import logins
from appctl.exits import ExitCode
from appctl.failure import Failure
from appctl.scope import Scope
from appctl.show import escape, size
from appctl.wire import Json, JsonValue, get_int, get_objects, get_str


def update(context: Context) -> int:
    """Update the apps of the command line, or all of the scope."""
    if context.options.check:
        return check(context)
    outcomes = [_update(context, scope, ids) for scope, ids in _wanted(context).items()]
    return report(context, outcomes)


def check(context: Context) -> int:
    """Ask for updates and list them; exit code 2 when there are none."""
    wanted = _wanted(context)
    updates: list[Json] = []
    failures: list[Failure] = []
    for scope, ids in wanted.items():
        options: Json = {"background": context.options.background, "registry-auth": _logins(context, scope)}
        outcome = context.run_job(scope, "CheckUpdates", "a{sv}", options)
        failures += [] if outcome.already else outcome.failures
        updates += [
            item for item in get_objects(outcome.result, "updates") if not ids or get_str(item, "id") in ids
        ]
    if context.options.json:
        context.put_json({"changed": False, "updates": list(updates)})
    failures += [_failed_check(item) for item in updates if get_str(item, "error")]
    there = [item for item in updates if not get_str(item, "error")]
    context.say(*(_line(item) for item in there))
    code = tell_all(context, failures)
    if code is not ExitCode.DONE:
        return code
    return ExitCode.DONE if there else ExitCode.NO_UPDATES


def _wanted(context: Context) -> dict[Scope, list[str]]:
    names = context.options.ids
    if not names:
        return {context.scope: []}
    return {scope: ids_of(apps) for scope, apps in by_scope(context, names).items()}


def _logins(context: Context, scope: Scope, ids: Sequence[str] = ()) -> list[JsonValue]:
    """Return the caller's logins for where the apps of a scope (all, or those of `ids`) came from."""
    apps = [app for app in installed(context) if app["scope"] == scope.value]
    return logins(context, [get_str(app, "reference") for app in apps if not ids or app["id"] in ids])


def _update(context: Context, scope: Scope, ids: list[str]) -> Outcome:
    options: Json = {
        "accept-permissions": context.options.accept_permissions,
        "background": context.options.background,
        "registry-auth": _logins(context, scope, ids),
    }
    outcome = context.run_job(scope, "Update", "asa{sv}", ids, options)
    _say(context, outcome)
    if _asks_for_more(outcome) and can_ask(context.options):
        for failure in outcome.failures:
            context.say(escape(failure.message))
        confirm_trust(context.options, "Grant that, and update?")
        outcome = context.run_job(scope, "Update", "asa{sv}", ids, {**options, "accept-permissions": True})
        _say(context, outcome)
    return outcome


def _asks_for_more(outcome: Outcome) -> bool:
    return bool(outcome.failures) and all(item.name == "NeedsApproval" for item in outcome.failures)


def _say(context: Context, outcome: Outcome) -> None:
    changed = [app for app in get_objects(outcome.result, "apps") if app.get("changed")]
    for app in changed:
        sizes = f"{size(get_int(app, 'bytes-downloaded'))} downloaded"
        sizes += f", {size(get_int(app, 'bytes-reused'))} already here"
        before = escape(get_str(app, "previous-version"))
        there = f"{escape(get_str(app, 'id'))} {before} -> {escape(get_str(app, 'version'))}"
        context.say(f"Updated {there if before else name_of(app)}   ({sizes})")
    if not changed and (outcome.already or not outcome.failures):
        context.say("Everything is up to date.")


def _line(item: Json) -> str:
    version, newer = escape(get_str(item, "version")), escape(get_str(item, "update-version"))
    return f"{escape(get_str(item, 'id'))} {version} -> {newer}   {size(get_int(item, 'update-size'))}"


def _failed_check(item: Json) -> Failure:
    name = get_str(item, "error").rpartition(".")[2]
    return Failure(name, f"{get_str(item, 'id')} could not be checked: {name}")
