# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Updates that ask for more than their app has: what is shown, the one question about them, and the answer.

`-y` does not answer it. Nothing is granted here: the daemon does that, of each app the very image and the
very set that were shown, whose digest and hash go back.
"""

from collections.abc import Sequence

from appctl.actions.facts import permissions
from appctl.context import Context
from appctl.failure import Declined, Failure
from appctl.scope import Scope
from appctl.talk.outcome import Outcome
from appctl.talk.wire import Json, JsonValue, get_int, get_str
from appctl.terminal.ask import GRANT, SKIP, grant_or_skip
from appctl.terminal.show import escape, note, size

NEEDS_APPROVAL = "NeedsApproval"


def asks_for_more(update: Json) -> bool:
    """Whether an update, as a check found it, needs somebody's approval."""
    return bool(update.get("new-permissions"))


def line(update: Json) -> str:
    """Say what an update brings, how much it is, and what it newly asks for. Escaped."""
    version, newer = escape(get_str(update, "version")), escape(get_str(update, "update-version"))
    text = f"{escape(get_str(update, 'id'))} {version} -> {newer}   {size(get_int(update, 'update-size'))}"
    new = permissions({"permissions": update.get("new-permissions")})
    text += f"   NEW: {new}" if asks_for_more(update) else ""
    return f"{text}   (held)" if update.get("held") else text


def ask_about(context: Context, updates: Sequence[Json]) -> bool:
    """Show updates of which some ask for more, and ask; whether those are approved, too.

    Raises Declined when nothing is to be updated, and Failure when nobody can be asked.
    """
    note(*map(line, updates))
    others = any(not asks_for_more(update) for update in updates)
    what = {1: "Update?", 2: "Update both?"}.get(len(updates), "Update all?")
    answer = grant_or_skip(context.options, what, skip=others)
    if answer not in {GRANT, SKIP}:
        raise Declined(name=NEEDS_APPROVAL)
    return answer == GRANT


def approve(context: Context, scope: Scope, update: Json, registry_auth: Sequence[JsonValue]) -> Outcome:
    """Update one app to what was shown: `id`, `image-digest`, `permissions-hash` of a check, or an error."""
    options: Json = {
        "accept-permissions": get_str(update, "permissions-hash"),
        "expected-digest": get_str(update, "image-digest"),
        "registry-auth": [*registry_auth],
        "ask-credentials": context.asks_for_logins,
    }
    return context.tried_job(scope, "Approve", "sa{sv}", get_str(update, "id"), options)


def wanted_by(failure: Failure) -> Json:
    """What must be given back to approve what a job refused; empty for what failed otherwise."""
    told = failure.details
    if failure.name != NEEDS_APPROVAL or not get_str(told, "permissions-hash"):
        return {}
    return {
        "id": get_str(told, "app"),
        "image-digest": get_str(told, "digest"),
        "permissions-hash": get_str(told, "permissions-hash"),
    }


def kept(update: Json) -> Failure:
    """Say that an app stays as it is, as somebody wanted it."""
    name = get_str(update, "id").rpartition(".")[2]
    version = f"{name} {get_str(update, 'version')}"
    return Declined(f"Kept {version}: needs approval (appctl update {name.lower()})", NEEDS_APPROVAL)
