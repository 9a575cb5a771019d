# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl version`: the client's version, and that of every daemon that answers."""

import platform

from appctl.context import Context
from appctl.exits import ExitCode
from appctl.failure import Failure
from appctl.talk.bus import MANAGER, ROOT, Bus
from appctl.talk.wire import Json, JsonValue, get_int, get_str
from appctl.terminal.show import escape


def version(context: Context) -> int:
    """Print the versions. That no daemon is there is no failure of this command."""
    versions: Json = {"client": client_version(), "python": platform.python_version()}
    lines = [f"appctl {client_version()}"]

    def ask(bus: Bus) -> list[JsonValue]:
        return [bus.properties(ROOT, MANAGER)]

    try:
        answers = context.reachable(ask)
    except Failure:
        answers = {}
    for scope, [manager] in answers.items():
        if isinstance(manager, dict):
            daemon, api = get_str(manager, "DaemonVersion"), get_int(manager, "ApiVersion")
            versions[scope.value] = {"daemon": daemon, "api": api}
            lines.append(f"{scope.value}: appctld {escape(daemon)} (interface {api})")
    if context.options.json:
        context.put_json(versions)
    context.say(*lines)
    return ExitCode.DONE


def client_version() -> str:
    """Return the version of the installed package; there is one for the client and the daemon."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed_version

    try:
        return installed_version("appctl")
    except PackageNotFoundError:
        return "unknown"
