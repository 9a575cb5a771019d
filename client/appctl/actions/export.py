# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl export`: installed images leave for a directory, an archive or a registry.

The work is done by a program of the caller's own; the daemon is not asked. What is asked of it, and what it
answers, stands with the program (daemon/appctld/workers/export/image/export.py).
"""

from appctl.context import Context
from appctl.destinations import destination, named
from appctl.exits import ExitCode
from appctl.failure import usage
from appctl.remote_files import RemoteFile, remote_file
from appctl.running.deployment import installed_record
from appctl.scope import Scope
from appctl.talk.program import run_program
from appctl.talk.wire import Json, JsonValue, get_int, get_object, get_objects, get_str, get_strings
from appctl.terminal.show import escape

_PROGRAM = "appctld.workers.export"


def export(context: Context) -> int:
    """Export, and say what could not go along. Raises Failure."""
    request = _request(context)
    answer = run_program(context.options, _PROGRAM, request)
    name = named(get_object(request, "to"))
    apps = [{**app, "name": name or get_str(app, "name")} for app in get_objects(answer, "apps")]
    if context.options.json:
        context.put_json({"changed": True, "apps": [*apps]})
    for app in apps:
        context.say(*_lines(app))
        context.remark(*(f"left behind: {escape(words)}" for words in get_strings(app, "left")))
    return ExitCode.DONE


def _request(context: Context) -> Json:
    options = context.options
    found = [installed_record(context.places, context.scopes, name) for name in dict.fromkeys(options.ids)]
    to = destination(context, options.to, [get_str(record, "reference") for _, record in found])
    if to["kind"] == "registry" and len(found) > 1:
        raise usage("one tag of a registry is one image", "export one app at a time")
    remotes = [remote_file(context.places, scope, get_str(record, "remote")) for scope, record in found]
    apps: list[JsonValue] = [
        _app(context, scope, record, remote) for (scope, record), remote in zip(found, remotes, strict=True)
    ]
    public = [remote for remote in remotes if remote is not None and "://" in remote.url]
    return {
        "op": "export",
        "fds": {},
        "apps": apps,
        "to": to,
        "recompress": options.compression if options.recompress else "",
        "beside": {}
        if options.recompress
        else {f"{one.name}.appctlremote": one.exported() for one in public},
    }


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
