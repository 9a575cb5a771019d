# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl search`: what the remotes list, and what is installed, in both scopes unless one is named.

Finding nothing is no failure. What nobody signed is said to be a hint; which remotes publish no list is said
on standard error, because what those have is found by nobody.
"""

import os
import re
from collections.abc import Iterable

from appctl.actions.apps import tell_all
from appctl.context import Context
from appctl.failure import Failure
from appctl.talk.outcome import Outcome
from appctl.talk.wire import Json, JsonValue, get_int, get_objects, get_str, get_strings
from appctl.terminal.show import escape, table

_HEADER = ["Name", "Application ID", "Version", "Remote", "Signed", "Reference", "Summary"]
_LOCALE = re.compile(r"[A-Za-z0-9_.@-]{1,64}")
_SIGNED = {True: "yes", False: "no, a hint"}


def search(context: Context) -> int:
    """Print a table, the best first; with --json all that is known of each app."""
    outcomes = _asked(context)
    apps = _each_once(outcomes)
    without = _names(outcomes.values(), "without-catalogue")
    old = _names(outcomes.values(), "not-renewed")
    more = sum(get_int(outcome.result, "more", 0) for outcome in outcomes.values())
    failures = [failure for outcome in outcomes.values() for failure in outcome.failures]
    if context.options.json:
        errors: list[JsonValue] = [failure.to_json() for failure in failures]
        context.put_json(
            {
                "changed": False,
                "apps": list(apps),
                "without-catalogue": list(without),
                "not-renewed": list(old),
                "more": more,
                "errors": errors,
            }
        )
    elif apps:
        context.say(*table(_HEADER, map(_row, apps), context.out))
    elif not failures:
        context.say("No matches found.")
    context.remark(*(f"remote {escape(name)} has no catalogue" for name in without))
    context.remark(*(f"remote {escape(name)} could not be asked for its catalogue" for name in old))
    if more:
        context.remark(f"{more} more fit, and are not shown: say more words")
    return tell_all(context, failures)


def _asked(context: Context) -> dict[str, Outcome]:
    """How the search ended in each scope; one without a daemon finds nothing, where another has one."""
    options: Json = {
        "remote": context.options.remote or "",
        "cached-only": context.options.cached,
        "locale": _locale(),
    }
    term = " ".join(context.options.terms)
    found = {
        scope.value: context.tried_job(scope, "Search", "sa{sv}", term, options) for scope in context.scopes
    }
    there = {scope: outcome for scope, outcome in found.items() if not _passed_over(outcome.failures)}
    return there or dict(list(found.items())[:1])


def _passed_over(failures: Iterable[Failure]) -> bool:
    """Whether there is no daemon, or it knows no such remote: the other scope may."""
    return any(failure.name in {"DaemonUnavailable", "NoRemote"} for failure in failures)


def _locale() -> str:
    """The language of messages, as POSIX says; of a name that no locale has, none."""
    variables = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    name = next((value for value in variables if value), "")
    return name if _LOCALE.fullmatch(name) else ""


def _each_once(outcomes: dict[str, Outcome]) -> list[Json]:
    """The apps of both scopes, those of the first before those that only the second knows."""
    found: dict[tuple[str, str, str], Json] = {}
    for scope, outcome in outcomes.items():
        for app in get_objects(outcome.result, "apps"):
            key = get_str(app, "remote"), get_str(app, "id"), get_str(app, "reference")
            found.setdefault(key, {"scope": scope, **app})
    return list(found.values())


def _names(outcomes: Iterable[Outcome], key: str) -> list[str]:
    return list(dict.fromkeys(name for outcome in outcomes for name in get_strings(outcome.result, key)))


def _row(app: Json) -> list[str]:
    return [
        get_str(app, "name"),
        get_str(app, "id"),
        get_str(app, "version"),
        get_str(app, "remote"),
        _SIGNED[bool(app.get("signed"))],
        get_str(app, "reference"),
        get_str(app, "summary"),
    ]
