# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl info`: everything that is known about one app: what it is, who signed it, where its files are."""

from appctl.actions.apps import PROMISED, expanded, installed, matching, name_of, the_app
from appctl.actions.facts import permissions, signed_by
from appctl.context import Context
from appctl.exits import ExitCode
from appctl.talk.wire import Json, get_int, get_str, get_strings
from appctl.terminal.show import escape, moment, size


def info(context: Context) -> int:
    """Print the facts; with --json all of them, as one object."""
    apps = installed(context)
    meant = expanded(context, context.options.id)
    found = matching(apps, meant)
    mine = [app for app in found if get_str(app, "scope") == context.scope.value]
    app = the_app(mine or found, context.options.id, meant)
    if context.options.json:
        context.put_json(PROMISED | app)
        return ExitCode.DONE
    context.say(context.out.bold(f"{name_of(app)}   {escape(get_str(app, 'title'))}".rstrip()))
    rows = [(name, text) for name, text in _facts(context, app) if text]
    context.say(*(f"  {name + ':':<13} {text}" for name, text in rows))
    return ExitCode.DONE


def _facts(context: Context, app: Json) -> list[tuple[str, str]]:
    def text(key: str) -> str:
        return escape(get_str(app, key))

    return [
        ("Reference", text("reference")),
        ("Remote", text("remote")),
        ("Scope", text("scope")),
        ("Digest", text("image-digest")),
        ("Commit", text("commit")),
        ("Layers", ", ".join(f"{escape(layer[:19])}…" for layer in get_strings(app, "layers"))),
        ("Signed by", signed_by(app, context.out)),
        ("Key", text("signer")),
        ("Signed at", moment(get_int(app, "signed-at")) if app.get("signed-at") else ""),
        ("Checked at", moment(get_int(app, "checked-at")) if app.get("checked-at") else ""),
        ("Installed", moment(get_int(app, "install-time"))),
        ("Size", size(get_int(app, "installed-size"))),
        ("Downloaded", _downloaded(app)),
        ("May use", permissions(app)),
        ("Ignored", ", ".join(map(escape, get_strings(app, "ignored")))),
        ("Left out", ", ".join(map(escape, get_strings(app, "dropped")))),
        ("Kept", ", ".join(map(escape, get_strings(app, "kept")))),
        ("Update", text("update-version")),
        ("Running", "yes" if app.get("running") else "no"),
        ("Files", text("deployment")),
    ]


def _downloaded(app: Json) -> str:
    return f"{size(get_int(app, 'bytes-downloaded'))}, {size(get_int(app, 'bytes-reused'))} were here already"
