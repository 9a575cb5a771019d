# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl rollback`: make a kept deployment current again."""

from appctl.actions.apps import expanded, installed, name_of, report, scope_of, the_app
from appctl.context import Context
from appctl.references import apart
from appctl.talk.wire import Json, get_objects, get_str
from appctl.terminal.show import escape, short_fingerprint


def rollback(context: Context) -> int:
    """Go back to the version before, or the one that --to names."""
    app = the_app(installed(context), context.options.id, expanded(context, context.options.id))
    outcome = context.run_job(
        scope_of(app), "Rollback", "sa{sv}", get_str(app, "id"), {"to": context.options.to}
    )
    for now in get_objects(outcome.result, "apps"):
        context.say(_line(app, now) if now.get("changed") else f"{name_of(now)} is current already.")
    return report(context, [outcome])


def _line(before: Json, now: Json) -> str:
    old, new = escape(get_str(before, "version")), escape(get_str(now, "version"))
    signer = get_str(now, "signer")
    signed = f"kept, signed {short_fingerprint(signer)}" if signer else "kept"
    text = (
        f"{old} -> {new} ({signed}). Open windows keep {old}. {old} is skipped until something newer appears."
    )
    left, back = apart(get_str(before, "reference"), get_str(now, "reference"))
    return text if left == back else f"{text} It leaves {escape(left)} and follows {escape(back)} again."
