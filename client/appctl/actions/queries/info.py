# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl info`: everything that is known about one app: what it is, who signed it, where its files are."""

from collections.abc import Iterator

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


def _facts(context: Context, app: Json) -> Iterator[tuple[str, str]]:
    yield from _source(app)
    yield from _trust(context, app)
    yield from _contents(context, app)
    yield from _state(app)


def _source(app: Json) -> Iterator[tuple[str, str]]:
    yield "Reference", _text(app, "reference")
    yield "Remote", _text(app, "remote")
    yield "Scope", _text(app, "scope")
    yield "Digest", _text(app, "image-digest")
    yield "Commit", _text(app, "commit")
    yield "Layers", ", ".join(f"{escape(layer[:19])}…" for layer in get_strings(app, "layers"))


def _trust(context: Context, app: Json) -> Iterator[tuple[str, str]]:
    yield "Signed by", signed_by(app, context.out)
    yield "Key", _text(app, "signer")
    yield "Signed at", _moment(app, "signed-at")
    for signer in get_objects(app, "signers")[1:]:
        yield "And by", _signer(signer)
    yield "Checked at", _moment(app, "checked-at")
    yield "Verdict", _text(app, "verdict")
    yield "Rollback protection", rollback_protection(app)
    yield "Freeze protection", freeze_protection(app)


def _contents(context: Context, app: Json) -> Iterator[tuple[str, str]]:
    yield "Installed", moment(get_int(app, "install-time"))
    yield "Size", size(get_int(app, "installed-size"))
    yield "Downloaded", _downloaded(app)
    yield "May use", permissions(app)
    yield "Leaves sandbox", leaving(app)
    yield from overridden(context, app)
    yield "Runtime", _text(app, "runtime").removeprefix("runtime/")
    yield "Ignored", _texts(app, "ignored")
    yield "Left out", _texts(app, "dropped")
    yield "On the desktop", _texts(app, "desktop-ids")
    yield "Not exported", "; ".join(map(_refused, get_objects(app, "not-exported")))
    yield "Kept", _texts(app, "kept")


def _state(app: Json) -> Iterator[tuple[str, str]]:
    asks = app.get("update-permissions")
    yield "Update", _text(app, "update-version")
    yield "It newly asks", permissions({"permissions": asks}) if asks else ""
    yield "Skipped", _text(app, "skipped-digest")
    yield "Last error", _text(app, "last-error")
    yield "Held", f"appctl unhold {_text(app, 'id')}" if app.get("held") else ""
    yield "Running", "yes" if app.get("running") else "no"
    yield "Files", _text(app, "deployment")


def _text(app: Json, key: str) -> str:
    return escape(get_str(app, key))


def _refused(item: Json) -> str:
    """A file that desktops do not see, and why."""
    return f"{_text(item, 'path')}: {_text(item, 'reason')}"


def _texts(app: Json, key: str) -> str:
    return ", ".join(map(escape, get_strings(app, key)))


def _moment(facts: Json, key: str) -> str:
    return moment(get_int(facts, key)) if facts.get(key) else ""


def _downloaded(app: Json) -> str:
    return f"{size(get_int(app, 'bytes-downloaded'))}, {size(get_int(app, 'bytes-reused'))} were here already"


def _signer(signer: Json) -> str:
    """One signature that counted, its key whole."""
    when = _moment(signer, "signed-at")
    return f'{_text(signer, "fingerprint")} "{_text(signer, "name")}"' + (f", {when}" if when else "")


def _others(app: Json) -> list[Json]:
    """The deployments that are kept beside the current one."""
    return [item for item in get_objects(app, "deployments") if not item.get("current")]


def _kept(item: Json) -> str:
    signers = [short_fingerprint(get_str(signer, "fingerprint")) for signer in get_objects(item, "signers")]
    signed = f"signed by {', '.join(signers)}" if signers else escape(get_str(item, "verdict"))
    checked = f", checked {date(get_int(item, 'checked-at'))}" if item.get("checked-at") else ""
    version, digest = escape(get_str(item, "version")), escape(get_str(item, "image-digest")[:19])
    return f"{version}  {digest}…  {signed}{checked}"
