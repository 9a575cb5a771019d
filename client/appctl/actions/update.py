# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl update`: bring installed apps up to date, or only look (`--check`).

An update that asks for nothing new needs no question. One that does is not deployed until somebody grants it:
asked here on a terminal, app by app, else exit code 6. `-y` does not grant it; --accept-permissions does.
"""

from collections.abc import Sequence

from appctl.actions.approval import ask_about
from appctl.actions.apps import by_scope, ids_of, installed, name_of, report, tell_all, with_it
from appctl.context import Context
from appctl.credentials import logins
from appctl.exits import ExitCode
from appctl.failure import Failure
from appctl.scope import Scope
from appctl.talk.outcome import Outcome
from appctl.talk.wire import Json, JsonValue, get_int, get_objects, get_str
from appctl.terminal.ask import can_ask
from appctl.terminal.show import escape, size


def update(context: Context) -> int:
    """Update the apps of the command line, or all of the scope; each is tried."""
    if context.options.check:
        return check(context)
    wanted, unknown = _wanted(context)
    outcomes = [_update(context, scope, ids) for scope, ids in wanted.items()]
    _say_nothing_to_do(context, outcomes)
    return report(context, outcomes, unknown)


def check(context: Context) -> int:
    """Ask for updates and list them; exit code 2 when there are none."""
    wanted, failures = _wanted(context)
    updates: list[Json] = []
    for scope, ids in wanted.items():
        options: Json = {
            "background": context.options.background,
            "registry-auth": _logins(context, scope),
            "ask-credentials": context.asks_for_logins,
        }
        outcome = context.tried_job(scope, "CheckUpdates", "a{sv}", options)
        failures += outcome.failures
        updates += [
            item for item in get_objects(outcome.result, "updates") if not ids or get_str(item, "id") in ids
        ]
    failures += [_failed_check(item) for item in updates if get_str(item, "error")]
    if context.options.json:
        errors: list[JsonValue] = [failure.to_json() for failure in failures]
        context.put_json({"changed": False, "updates": list(updates), "errors": errors})
    there = [item for item in updates if not get_str(item, "error")]
    context.say(*(_line(item) for item in there))
    if failures:
        return tell_all(context, failures)
    if not there:
        context.remark("There are no updates.")
    return ExitCode.DONE if there else ExitCode.NO_UPDATES


def _wanted(context: Context) -> tuple[dict[Scope, list[str]], list[Failure]]:
    """Return the IDs that are meant, by scope (none: all of it), and what failed for names that mean none."""
    names = context.options.ids
    if not names:
        return {context.scope: []}, []
    found, unknown = by_scope(context, names)
    return {scope: ids_of(apps) for scope, apps in found.items()}, unknown


def _logins(context: Context, scope: Scope, ids: Sequence[str] = ()) -> list[JsonValue]:
    """Return the caller's logins for where the apps of a scope (all, or those of `ids`) came from."""
    apps = [app for app in installed(context) if app["scope"] == scope.value]
    return logins(context, [get_str(app, "reference") for app in apps if not ids or app["id"] in ids])


def _update(context: Context, scope: Scope, ids: list[str]) -> Outcome:
    """Update, ask about every app that wants more than it has, and update those that were granted it."""
    options: Json = {
        "accept-permissions": context.options.accept_permissions,
        "allow-downgrade": context.options.allow_downgrade,
        "background": context.options.background,
        "registry-auth": _logins(context, scope, ids),
        "ask-credentials": context.asks_for_logins,
    }
    outcome = context.tried_job(scope, "Update", "asa{sv}", ids, options)
    _say(context, outcome)
    nobody = context.options.background or not can_ask(context.options)
    if outcome.state == "cancelled" or nobody:
        return outcome
    granted, failures = ask_about(context, scope, outcome.failures, ids)
    if not granted:
        return Outcome(outcome.state, outcome.result, tuple(failures))
    shown: Json = {
        **options,
        "permissions-hashes": list(granted.values()),
        "registry-auth": _logins(context, scope, ids),
    }
    again = context.tried_job(scope, "Update", "asa{sv}", list(granted), shown)
    _say(context, again)
    apps: list[JsonValue] = [app for each in (outcome, again) for app in get_objects(each.result, "apps")]
    return Outcome(again.state, {"apps": apps}, (*failures, *again.failures))


def _say(context: Context, outcome: Outcome) -> None:
    for app in get_objects(outcome.result, "apps"):
        if app.get("changed"):
            context.say(f"Updated {_change(app)}{with_it(app)}   ({_sizes(app)})")
        elif app.get("held"):
            context.say(f"{name_of(app)} is held (appctl unhold {escape(get_str(app, 'id'))}).")
        elif context.options.ids:
            context.say(f"{name_of(app)} is up to date.")


def _say_nothing_to_do(context: Context, outcomes: Sequence[Outcome]) -> None:
    """Say so once where no app was named, and all went well."""
    if any(each.state == "detached" for each in outcomes):
        return
    changed = any(app.get("changed") for each in outcomes for app in get_objects(each.result, "apps"))
    held = any(app.get("held") for each in outcomes for app in get_objects(each.result, "apps"))
    if not context.options.ids and not changed and not any(each.failures for each in outcomes):
        context.say("Everything else is up to date." if held else "Everything is up to date.")


def _change(app: Json) -> str:
    before = escape(get_str(app, "previous-version"))
    return (
        f"{escape(get_str(app, 'id'))} {before} -> {escape(get_str(app, 'version'))}"
        if before
        else name_of(app)
    )


def _sizes(app: Json) -> str:
    reused = f"{size(get_int(app, 'bytes-reused'))} already here"
    return f"{size(get_int(app, 'bytes-downloaded'))} downloaded, {reused}"


def _line(item: Json) -> str:
    version, newer = escape(get_str(item, "version")), escape(get_str(item, "update-version"))
    return f"{escape(get_str(item, 'id'))} {version} -> {newer}   {size(get_int(item, 'update-size'))}"


def _failed_check(item: Json) -> Failure:
    name = get_str(item, "error").rpartition(".")[2]
    message = f"{get_str(item, 'id')} could not be checked: {get_str(item, 'message') or name}"
    return Failure(name, message, get_str(item, "hint"))
