# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl verify`, `appctl repair`: is what is installed still what was verified, and if not, bring it back.

Exit code 0 when all is well, 1 (RepoCorrupt) when something is damaged, 5 when only a signature counts no
longer. A repair ends like a look at what is left.
"""

from collections.abc import Sequence

from appctl.actions.apps import by_scope, going_on, ids_of, installed_in, tell_all
from appctl.context import Context
from appctl.failure import Failure
from appctl.logins.credentials import logins
from appctl.scope import Scope
from appctl.talk.outcome import Outcome
from appctl.talk.wire import Json, JsonValue, get_int, get_objects, get_str, get_strings
from appctl.terminal.show import escape, size

_WORDS = {"good": "good", "damaged": "DAMAGED", "no-longer-trusted": "NO LONGER TRUSTED"}


def verify(context: Context) -> int:
    """Look at the apps of the command line, or at everything in the scope; nothing is changed."""
    wanted, unknown = _wanted(context)
    options: Json = {"background": context.options.background}
    outcomes = [context.tried_job(scope, "Verify", "asa{sv}", ids, options) for scope, ids in wanted.items()]
    failures = [*unknown, *(item for outcome in outcomes for item in outcome.failures)]
    if context.options.json:
        context.put_json({"changed": False, **_document(outcomes, failures)})
    for outcome in outcomes:
        _say(context, outcome)
    return tell_all(context, failures)


def repair(context: Context) -> int:
    """Bring back what is damaged in the scope, or with --dry-run say what would be done."""
    scope, dry_run = context.scope, context.options.dry_run
    apps = [get_str(app, "reference") for app in installed_in(context, scope)]
    options: Json = {
        "dry-run": dry_run,
        "registry-auth": logins(context, apps),
        "ask-credentials": context.asks_for_logins,
    }
    outcome = context.run_job(scope, "Repair", "a{sv}", options)
    actions = get_objects(outcome.result, "actions")
    if context.options.json:
        document = _document([outcome], outcome.failures)
        changed = not dry_run and any(bool(action.get("done")) for action in actions)
        left = get_int(outcome.result, "left")
        context.put_json({"changed": changed, **document, "actions": list(actions), "left": left})
    context.say(*(_action(action) for action in actions))
    if not actions and outcome.state == "succeeded":
        context.say("Nothing is damaged.")
    return tell_all(context, outcome.failures)


def _wanted(context: Context) -> tuple[dict[Scope, list[str]], list[Failure]]:
    if not context.options.ids:
        return {context.scope: []}, []
    found, unknown = by_scope(context, context.options.ids)
    return {scope: ids_of(apps) for scope, apps in found.items()}, unknown


def _document(outcomes: Sequence[Outcome], failures: Sequence[Failure]) -> Json:
    results = [outcome.result for outcome in outcomes]
    problems: list[JsonValue] = [item for result in results for item in get_objects(result, "problems")]
    apps: list[JsonValue] = [item for result in results for item in get_objects(result, "apps")]
    return {
        "problems": problems,
        "problems-total": sum(get_int(result, "problems-total") for result in results),
        "bytes-checked": sum(get_int(result, "bytes-checked") for result in results),
        "apps": apps,
        "errors": [failure.to_json() for failure in failures],
        **going_on(outcomes),
    }


def _say(context: Context, outcome: Outcome) -> None:
    result = outcome.result
    for app in get_objects(result, "apps"):
        context.say(_app(context, app))
    context.say(*(_problem(problem) for problem in get_objects(result, "problems")))
    if result and outcome.state != "detached":
        left = get_int(result, "problems-total") - len(get_objects(result, "problems"))
        more = f" and {left} more" if left else ""
        found = f"{len(get_objects(result, 'problems'))}{more} problems"
        context.say(f"{size(get_int(result, 'bytes-checked'))} checked, {found}.")


def _app(context: Context, app: Json) -> str:
    state = get_str(app, "state")
    word = _WORDS.get(state, escape(state))
    shown = word if state == "good" else context.out.red(word)
    kept = "" if app.get("current") else " (kept)"
    name = f"{escape(get_str(app, 'id'))} {escape(get_str(app, 'version'))}".strip()
    return f"{name}{kept}: {shown}; {escape(get_str(app, 'words'))}"


def _problem(problem: Json) -> str:
    apps = ", ".join(map(escape, get_strings(problem, "apps"))) or "no app"
    return f"  {escape(get_str(problem, 'fault'))}: {escape(get_str(problem, 'what'))} ({apps})"


def _action(action: Json) -> str:
    name = f"{escape(get_str(action, 'id'))} {escape(get_str(action, 'deployment'))}"
    return f"{name}: {escape(get_str(action, 'action'))}: {escape(get_str(action, 'words'))}"
