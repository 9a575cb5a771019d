# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl export`: installed images leave for a directory, an archive or a registry.

The work is done by a program of the caller's own; the daemon is not asked. What is asked of it, and what it
answers, stands with the program (daemon/appctld/workers/export/image/export.py).
"""

from appctl.context import Context
from appctl.exits import ExitCode
from appctl.failure import usage
from appctl.programs.destinations import destination, named
from appctl.programs.program import run_program
from appctl.programs.remote_files import RemoteFile, remote_file
from appctl.running.deployments.deployment import installed_record
from appctl.scope import Scope
from appctl.talk.wire import Json, JsonValue, get_int, get_objects, get_str, get_strings
from appctl.terminal.show import escape

_PROGRAM = "appctld.workers.export"


def export(context: Context) -> int:
    """Export, and say what could not go along. Raises Failure."""
    names = dict.fromkeys(context.options.ids)
    found = [installed_record(context.places, context.scopes, name) for name in names]
    to = destination(context, context.options.to, [get_str(record, "reference") for _, record in found])
    if to["kind"] == "registry" and len(found) > 1:
        raise usage("one tag of a registry is one image", "export one app at a time")
    remotes = [remote_file(context.places, scope, get_str(record, "remote")) for scope, record in found]
    apps: list[JsonValue] = [
        _app(context, scope, record, remote) for (scope, record), remote in zip(found, remotes, strict=True)
    ]
    trusted = [_trusted(context, to, remote) for remote in remotes]
    request: Json = {
        "op": "export",
        "fds": {},
        "apps": apps,
        "to": to,
        "recompress": context.options.compression if context.options.recompress else "",
        "beside": {one.file_name: one.exported() for one in trusted if one and not one.stays_here},
    }
    answer = run_program(context.options, _PROGRAM, request)
    _tell(
        context, [_told(app, to, one) for app, one in zip(get_objects(answer, "apps"), trusted, strict=True)]
    )
    return ExitCode.DONE


def _trusted(context: Context, to: Json, remote: RemoteFile | None) -> RemoteFile | None:
    """Whose word another machine would need, if any signature can go there."""
    signed = remote is not None and remote.signs and not context.options.recompress
    return remote if signed and to["kind"] != "registry" else None


def _told(app: Json, to: Json, trusted: RemoteFile | None) -> Json:
    """What the program says of an app, and what we have to add."""
    left: list[JsonValue] = [*get_strings(app, "left")]
    if trusted and trusted.stays_here:
        left.append(f"{trusted.file_name}: {trusted.stays_here}")
    return {**app, "name": named(to) or get_str(app, "name"), "left": left}


def _tell(context: Context, apps: list[Json]) -> None:
    if context.options.json:
        context.put_json({"changed": True, "apps": [*apps]})
    for app in apps:
        context.say(*_lines(app))
        context.remark(*(f"left behind: {escape(words)}" for words in get_strings(app, "left")))


def _app(context: Context, scope: Scope, record: Json, remote: RemoteFile | None) -> Json:
    """What the program needs to know of an app; without its remote's file it can fetch nothing again."""
    reference = get_str(record, "reference")
    registry = remote is not None and not remote.directory and not context.options.recompress
    return {
        "state": str(context.places.state(scope)),
        "id": get_str(record, "id"),
        "layout": remote.directory if remote else "",
        "endpoint": remote.endpoint(reference, context.places) if remote and registry else {},
    }


def _lines(app: Json) -> list[str]:
    count = get_int(app, "signatures")
    signed = "no signature" if not count else "1 signature" if count == 1 else f"{count} signatures"
    return [
        f"{escape(get_str(app, 'name'))}  {escape(get_str(app, 'digest'))}",
        f"{escape(get_str(app, 'id'))} from {escape(get_str(app, 'reference'))}, with {signed}",
    ]
