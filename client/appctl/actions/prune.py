# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl prune`: remove what no installed app needs."""

from appctl.actions.apps import tell_all
from appctl.context import Context
from appctl.show import size
from appctl.wire import get_int


def prune(context: Context) -> int:
    """Remove it, or with --dry-run say how much it is."""
    dry_run = context.options.dry_run
    outcome = context.run_job(context.scope, "Prune", "a{sv}", {"dry-run": dry_run})
    freed, objects = get_int(outcome.result, "freed-bytes"), get_int(outcome.result, "objects")
    if context.options.json:
        context.put_json({"changed": bool(objects or freed) and not dry_run, **outcome.result})
    if not outcome.failures:
        context.say(f"{size(freed)} can go." if dry_run else f"{size(freed)} freed.")
    return tell_all(context, [] if outcome.already else outcome.failures)
