# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl info`: everything that is known about one app: what it is, who signed it, where its files are."""

from appctl.actions.apps import PROMISED, expanded, installed, matching, name_of, the_app
from appctl.actions.facts import freeze_protection, leaving, permissions, rollback_protection, signed_by
from appctl.actions.permissions import overridden
from appctl.context import Context
from appctl.exits import ExitCode
from appctl.talk.wire import Json, get_int, get_objects, get_str, get_strings
from appctl.terminal.show import date, escape, moment, short_fingerprint, size


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
    context.say(*(f"  {'Also here:':<13} {_kept(item)}" for item in _others(app)))
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
        *(("And by", _signer(signer)) for signer in get_objects(app, "signers")[1:]),
        ("Checked at", moment(get_int(app, "checked-at")) if app.get("checked-at") else ""),
        ("Verdict", text("verdict")),
        ("Rollback protection", rollback_protection(app)),
        ("Freeze protection", freeze_protection(app)),
        ("Installed", moment(get_int(app, "install-time"))),
        ("Size", size(get_int(app, "installed-size"))),
        ("Downloaded", _downloaded(app)),
        ("May use", permissions(app)),
        ("Leaves sandbox", leaving(app)),
        *overridden(context, app),
        ("Runtime", text("runtime").removeprefix("runtime/")),
        ("Ignored", ", ".join(map(escape, get_strings(app, "ignored")))),
        ("Left out", ", ".join(map(escape, get_strings(app, "dropped")))),
        ("Kept", ", ".join(map(escape, get_strings(app, "kept")))),
        ("Update", text("update-version")),
        (
            "It newly asks",
            permissions({"permissions": asks}) if (asks := app.get("update-permissions")) else "",
        ),
        ("Skipped", text("skipped-digest")),
        ("Last error", text("last-error")),
        ("Held", f"appctl unhold {escape(get_str(app, 'id'))}" if app.get("held") else ""),
        ("Running", "yes" if app.get("running") else "no"),
        ("Files", text("deployment")),
    ]


def _downloaded(app: Json) -> str:
    return f"{size(get_int(app, 'bytes-downloaded'))}, {size(get_int(app, 'bytes-reused'))} were here already"


def _signer(signer: Json) -> str:
    """One signature that counted, its key whole."""
    when = f", {moment(get_int(signer, 'signed-at'))}" if signer.get("signed-at") else ""
    return f'{escape(get_str(signer, "fingerprint"))} "{escape(get_str(signer, "name"))}"{when}'


def _others(app: Json) -> list[Json]:
    """The deployments that are kept beside the current one."""
    return [item for item in get_objects(app, "deployments") if not item.get("current")]


def _kept(item: Json) -> str:
    signers = [short_fingerprint(get_str(signer, "fingerprint")) for signer in get_objects(item, "signers")]
    signed = f"signed by {', '.join(signers)}" if signers else escape(get_str(item, "verdict"))
    checked = f", checked {date(get_int(item, 'checked-at'))}" if item.get("checked-at") else ""
    version, digest = escape(get_str(item, "version")), escape(get_str(item, "image-digest")[:19])
    return f"{version}  {digest}…  {signed}{checked}"
