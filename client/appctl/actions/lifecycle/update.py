# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl update`: bring installed apps up to date, or only look (`--check`).

An update that asks for nothing new needs no question. One that does is not deployed until somebody approves
it: at a terminal all is looked at first, shown, and asked about once; elsewhere it is exit code 6. `-y` does
not approve it; --accept-permissions approves whatever is asked for.
"""

from collections.abc import Sequence
from typing import NamedTuple

from appctl.actions.apps import (
    by_scope,
    failed_checks,
    ids_of,
    installed_in,
    name_of,
    report,
    tell_all,
    with_it,
)
from appctl.actions.lifecycle.approval import approve, ask_about, asks_for_more, kept, line, wanted_by
from appctl.actions.lifecycle.automatic import as_far_as, serious_first
from appctl.context import Context
from appctl.exits import ExitCode
from appctl.failure import Declined, Failure, usage
from appctl.logins.credentials import logins
from appctl.scope import Scope
from appctl.talk.outcome import Outcome
from appctl.talk.wire import Json, JsonValue, get_int, get_objects, get_str
from appctl.terminal.ask import can_ask
from appctl.terminal.show import escape, size


class _Wanted(NamedTuple):
    """What is meant in one scope: the IDs that were named (none: all of it), and the apps that these are."""

    scope: Scope
    ids: list[str]
    apps: list[Json]


def update(context: Context) -> int:
    """Update the apps of the command line, or all of the scope; each is tried."""
    if context.options.check:
        return check(context)
    if context.options.detach and context.options.accept_permissions:
        raise usage(
            "what updates ask for is accepted when it is known: who leaves cannot", "without --detach"
        )
    wanted, unknown = _wanted(context)
    outcomes: list[Outcome] = []
    try:
        for one in wanted:
            outcomes += _update(context, one)
            if any(outcome.was_cancelled for outcome in outcomes):
                break
    except Declined as no:
        outcomes.append(Outcome.failed(no))
    if context.options.background:
        outcomes = list(map(serious_first, outcomes))
    _say_nothing_to_do(context, outcomes)
    return report(context, outcomes, unknown)


def check(context: Context) -> int:
    """Ask for updates and list them; exit code 2 when there are none."""
    wanted, failures = _wanted(context)
    updates: list[Json] = []
    for one in wanted:
        outcome = _checked(context, one, background=context.options.background)
        failures += outcome.failures
        updates += get_objects(outcome.result, "updates")
    failures += failed_checks(updates)
    if context.options.json:
        errors: list[JsonValue] = [failure.to_json() for failure in failures]
        context.put_json({"changed": False, "updates": list(updates), "errors": errors})
    there = [item for item in updates if not get_str(item, "error")]
    context.say(*map(line, there))
    if failures:
        return tell_all(context, failures)
    due = [item for item in there if _is_due(context, item)]
    if not due:
        context.remark("There are no other updates." if there else "There are no updates.")
    return ExitCode.DONE if due else ExitCode.NO_UPDATES


def _wanted(context: Context) -> tuple[list[_Wanted], list[Failure]]:
    """Return what is meant, and what failed for names that mean no app. Raises Failure."""
    names = context.options.ids
    if not names:
        return [_Wanted(context.scope, [], installed_in(context, context.scope))], []
    found, unknown = by_scope(context, names)
    return [_Wanted(scope, ids_of(apps), apps) for scope, apps in found.items()], unknown


def _logins(context: Context, wanted: _Wanted, ids: Sequence[str]) -> list[JsonValue]:
    """Return the caller's logins for where the apps (all that are wanted, or those of `ids`) came from."""
    apps = [app for app in wanted.apps if not ids or app["id"] in ids]
    return logins(context, [get_str(app, "reference") for app in apps])


def _update(context: Context, wanted: _Wanted) -> list[Outcome]:
    """Update apps of a scope, and ask about those that want more than they have."""
    options = context.options
    if can_ask(options) and not (options.background or options.yes or options.accept_permissions):
        updates = _look(context, wanted)
        if any(map(asks_for_more, updates)):
            return _update_asked(context, wanted, updates)
    outcome = _job(context, wanted, wanted.ids)
    _say(context, outcome)
    if options.accept_permissions and outcome.state != "cancelled":
        return _update_accepted(context, wanted, outcome)
    return [outcome]


def _checked(context: Context, wanted: _Wanted, *, background: bool) -> Outcome:
    options: Json = {
        "ids": [*wanted.ids],
        "background": background,
        "registry-auth": _logins(context, wanted, wanted.ids),
        "ask-credentials": context.asks_for_logins,
    }
    return context.tried_job(wanted.scope, "CheckUpdates", "a{sv}", options)


def _look(context: Context, wanted: _Wanted) -> list[Json]:
    """Return what would be updated, or could not be looked at. What fails as a whole, the update tells."""
    outcome = _checked(context, wanted, background=False)
    return [item for item in get_objects(outcome.result, "updates") if _is_due(context, item)]


def _is_due(context: Context, update: Json) -> bool:
    """Whether the same command without --check would bring it: what is held must be named."""
    return bool(context.options.ids) or not update.get("held")


def _update_asked(context: Context, wanted: _Wanted, updates: list[Json]) -> list[Outcome]:
    """Ask once, then update what needs no approval, and approve the rest or leave it. Raises Declined."""
    waiting = [update for update in updates if asks_for_more(update)]
    granted = ask_about(context, [update for update in updates if not get_str(update, "error")])
    others = [get_str(update, "id") for update in updates if update not in waiting]
    outcomes = [_job(context, wanted, others)] if others else []
    if granted and not any(outcome.is_the_end for outcome in outcomes):
        outcomes += _approved(context, wanted, waiting)
    for outcome in outcomes:
        context.say(*(f"Updated {_short(app)}." for app in _changed(outcome)))
    if not granted:
        outcomes.append(Outcome("needs-approval", {}, tuple(map(kept, waiting))))
    return outcomes


def _update_accepted(context: Context, wanted: _Wanted, outcome: Outcome) -> list[Outcome]:
    """Approve what the daemon says that updates newly ask for: that set of that image."""
    waiting = [asked for failure in outcome.failures if (asked := wanted_by(failure))]
    approved = _approved(context, wanted, waiting)
    for one in approved:
        _say(context, one)
    left = tuple(failure for failure in outcome.failures if not wanted_by(failure))
    return [Outcome(outcome.state, outcome.result, left), *approved]


def _approved(context: Context, wanted: _Wanted, waiting: Sequence[Json]) -> list[Outcome]:
    """Approve one after the other, until somebody wants no more of it."""
    logins = _logins(context, wanted, [get_str(update, "id") for update in waiting]) if waiting else []
    outcomes: list[Outcome] = []
    for update in waiting:
        outcomes.append(approve(context, wanted.scope, update, logins))
        if outcomes[-1].is_the_end:
            break
    return outcomes


def _job(context: Context, wanted: _Wanted, ids: list[str]) -> Outcome:
    options: Json = {
        "allow-downgrade": context.options.allow_downgrade,
        "background": context.options.background,
        "registry-auth": _logins(context, wanted, ids),
        "ask-credentials": context.asks_for_logins,
    }
    return context.tried_job(wanted.scope, "Update", "asa{sv}", ids, options)


def _changed(outcome: Outcome) -> list[Json]:
    return [app for app in get_objects(outcome.result, "apps") if app.get("changed")]


def _short(app: Json) -> str:
    name = get_str(app, "id").rpartition(".")[2]
    return f"{escape(name)} {escape(get_str(app, 'version'))}"


def _say(context: Context, outcome: Outcome) -> None:
    context.say(*filter(None, [as_far_as(outcome.result)]))
    for app in get_objects(outcome.result, "apps"):
        if app.get("changed"):
            context.say(f"Updated {_change(app)}{with_it(app)}   ({_sizes(app)})")
        elif app.get("held"):
            context.say(f"{name_of(app)} is held (appctl unhold {escape(get_str(app, 'id'))}).")
        elif context.options.ids:
            context.say(f"{name_of(app)} is up to date.")


def _say_nothing_to_do(context: Context, outcomes: Sequence[Outcome]) -> None:
    """Say so once where no app was named, and all went well."""
    if any(each.state == "detached" or as_far_as(each.result) for each in outcomes):
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
