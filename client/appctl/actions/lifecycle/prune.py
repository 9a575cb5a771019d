# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl prune`: remove what no installed app needs."""

from appctl.actions.apps import going_on, tell_all
from appctl.context import Context
from appctl.talk.wire import JsonValue, get_int
from appctl.terminal.show import size


def prune(context: Context) -> int:
    """Remove it, or with --dry-run say how much it is."""
    dry_run = context.options.dry_run
    outcome = context.run_job(context.scope, "Prune", "a{sv}", {"dry-run": dry_run})
    freed, objects = get_int(outcome.result, "freed-bytes"), get_int(outcome.result, "objects")
    if context.options.json:
        errors: list[JsonValue] = [failure.to_json() for failure in outcome.failures]
        changed = bool(objects or freed) and not dry_run
        found = going_on([outcome]) or outcome.result
        context.put_json({"changed": changed, **found, **({"errors": errors} if errors else {})})
    if outcome.state == "succeeded":
        context.say(f"{size(freed)} can go." if dry_run else f"{size(freed)} freed.")
    return tell_all(context, outcome.failures)
