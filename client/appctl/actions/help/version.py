# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl version`: the client's version, and that of every daemon that answers."""

import contextlib
import os
import sys

from appctl.context import Context
from appctl.exits import ExitCode
from appctl.failure import Failure
from appctl.talk.bus import MANAGER, ROOT, Bus
from appctl.talk.wire import Json, JsonValue, get_int, get_str
from appctl.terminal.show import escape


def version(context: Context) -> int:
    """Print the versions. That no daemon is there is no failure of this command."""
    versions: Json = {"client": client_version(), "python": sys.version.partition(" ")[0]}
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
    """Return the version of the installed package; there is one for the client and the daemon.

    It stands in the name of the directory of its metadata (PEP 376). importlib.metadata finds it there too,
    and takes longer to import than all of this command.
    """
    for place in filter(None, sys.path):
        with contextlib.suppress(OSError):
            for name in os.listdir(place):  # noqa: PTH208 - pathlib is not imported here
                if name.startswith("appctl-") and name.endswith(".dist-info"):
                    return name.removeprefix("appctl-").removesuffix(".dist-info")
    return "unknown"
