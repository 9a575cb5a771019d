# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl list`: what is installed, in both scopes unless one is named."""

from collections.abc import Callable

from appctl.actions.apps import installed, some_facts
from appctl.context import Context
from appctl.exits import ExitCode
from appctl.failure import usage
from appctl.talk.wire import Json, get_int, get_str
from appctl.terminal.show import short_fingerprint, size, table


def _signed(app: Json) -> str:
    signer = get_str(app, "signer")
    if signer:
        return short_fingerprint(signer)
    return "digest" if get_str(app, "verify") == "digest" else "UNSIGNED"


def _short(app: Json) -> str:
    """What a person would call it: of a runtime's ID the last part is only its branch."""
    ref = get_str(app, "flatpak-ref").split("/")
    if get_str(app, "kind") == "runtime" and len(ref) > 1:
        return ref[1].rpartition(".")[2]
    return get_str(app, "id").rpartition(".")[2]


_COLUMNS: dict[str, tuple[str, Callable[[Json], str]]] = {
    "name": ("Name", lambda app: get_str(app, "title") or _short(app)),
    "id": ("Application ID", lambda app: get_str(app, "id")),
    "version": ("Version", lambda app: get_str(app, "version")),
    "tag": ("Tag", lambda app: get_str(app, "tag")),
    "remote": ("Remote", lambda app: get_str(app, "remote")),
    "signed": ("Signed", _signed),
    "scope": ("Scope", lambda app: get_str(app, "scope")),
    "size": ("Size", lambda app: size(get_int(app, "installed-size"))),
    "kind": ("Kind", lambda app: get_str(app, "kind")),
    "held": ("Held", lambda app: "held" if app.get("held") else ""),
    "update": ("Update", lambda app: get_str(app, "update-version")),
}
_FACTS = (
    "id", "title", "version", "tag", "remote", "signer", "verify", "installed-size", "update-version",
    "kind", "flatpak-ref", "held",
)  # fmt: skip
_DEFAULT = ("name", "id", "version", "tag", "remote", "signed", "scope", "size")


def listing(context: Context) -> int:
    """Print a table, or with --json a list of apps with all their facts."""
    columns = _columns(context)
    wanted: Json = {"updates": context.options.updates}
    apps = installed(context, wanted) if context.options.json else some_facts(context, _FACTS, wanted)
    apps.sort(key=lambda app: (get_str(app, "id"), get_str(app, "scope")))
    if context.options.json:
        context.put_json(list(apps))
    elif apps:
        header = [_COLUMNS[name][0] for name in columns]
        rows = [[_COLUMNS[name][1](app) for name in columns] for app in apps]
        lines = table(header, rows, context.out)
        facts: list[Json] = [{}] * (len(lines) - len(apps)) + apps  # a header is about none
        context.say(*(_marked(context, line, app) for line, app in zip(lines, facts, strict=True)))
    else:
        context.remark("No update is known." if context.options.updates else "Nothing is installed.")
    return ExitCode.DONE


def _columns(context: Context) -> list[str]:
    text = context.options.columns
    names = [name.strip().lower() for name in text.split(",")] if text else list(_DEFAULT)
    if context.options.updates and not text:
        names.append("update")
    if unknown := [name for name in names if name not in _COLUMNS]:
        raise usage(f"there is no column {unknown[0]!r}", f"columns: {', '.join(_COLUMNS)}")
    return names


def _marked(context: Context, line: str, app: Json) -> str:
    """Make UNSIGNED stand out, where it is our word about the app and not a publisher's."""
    if app and _signed(app) == "UNSIGNED":
        return context.out.red("UNSIGNED").join(line.rsplit("UNSIGNED", 1))
    return line
