# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl remote refresh`: ask remotes what they have of newer images of the apps that came from them."""

from appctl.actions.apps import failed_checks, going_on, installed_in, tell_all
from appctl.context import Context
from appctl.logins.credentials import logins
from appctl.talk.wire import Json, JsonValue, get_int, get_objects, get_str
from appctl.terminal.show import escape, size


def refresh(context: Context) -> int:
    """Ask those of the command line, or all; each is tried."""
    names = context.options.names
    apps = installed_in(context, context.scope)
    theirs = [get_str(app, "reference") for app in apps if not names or get_str(app, "remote") in names]
    options: Json = {"registry-auth": logins(context, theirs), "ask-credentials": context.asks_for_logins}
    outcome = context.run_job(context.scope, "Refresh", "asa{sv}", names, options)
    remotes, updates = get_objects(outcome.result, "remotes"), get_objects(outcome.result, "updates")
    failures = [*outcome.failures, *failed_checks(updates)]
    if context.options.json:
        errors: list[JsonValue] = [failure.to_json() for failure in failures]
        context.put_json(
            {
                "changed": False,
                "remotes": list(remotes),
                "updates": list(updates),
                "errors": errors,
                **going_on([outcome]),
            }
        )
    context.say(*(_line(remote, updates) for remote in remotes))
    return tell_all(context, failures)


def _line(remote: Json, updates: list[Json]) -> str:
    name = get_str(remote, "name")
    theirs = [update for update in updates if get_str(update, "remote") == name]
    news = [_news(update) for update in theirs if not get_str(update, "error")]
    nothing = "nothing newer" + (" of what could be checked" if theirs else "")
    return f"{escape(name)}: {', '.join(news) or nothing}"


def _news(update: Json) -> str:
    versions = f"{escape(get_str(update, 'version'))} -> {escape(get_str(update, 'update-version'))}"
    return f"{escape(get_str(update, 'id'))} {versions} ({size(get_int(update, 'update-size'))})"
