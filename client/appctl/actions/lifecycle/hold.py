# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl hold`, `appctl unhold`: keep an app at its version until it is updated by name."""

from appctl.actions.apps import expanded, installed, name_of, scope_of, the_app
from appctl.context import Context
from appctl.exits import ExitCode
from appctl.talk.wire import get_str
from appctl.terminal.show import escape


def hold(context: Context) -> int:
    """Hold the app of the command line."""
    return _set(context, held=True)


def unhold(context: Context) -> int:
    """Hold it no longer."""
    return _set(context, held=False)


def _set(context: Context, *, held: bool) -> int:
    app = the_app(installed(context), context.options.id, expanded(context, context.options.id))
    app_id, changed = get_str(app, "id"), bool(app.get("held")) != held
    if changed:
        context.call(scope_of(app), "SetHold", "sb", app_id, held)
    if context.options.json:
        context.put_json({"changed": changed, "id": app_id, "scope": get_str(app, "scope"), "held": held})
    name, already = name_of(app), "" if changed else " already"
    if held:
        context.say(f"{name} is held{already}: only `appctl update {escape(app_id)}` updates it.")
    else:
        context.say(f"{name} is updated with the others{already}.")
    return ExitCode.DONE
