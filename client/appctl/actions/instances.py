# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl ps`, `appctl kill`: which apps the caller runs, and how to end them. No daemon is asked."""

from appctl.context import Context
from appctl.exits import ExitCode
from appctl.failure import Failure
from appctl.running.instances import Instance, running
from appctl.talk.wire import JsonValue
from appctl.terminal.show import escape, moment, table

PATIENCE = 5.0  # seconds for an app to end; bubblewrap takes it along at once


def ps(context: Context) -> int:
    """Print what runs."""
    found = running(context.places.runtime)
    if context.options.json:
        context.put_json([instance.to_json() for instance in found])
    elif found:
        context.say(
            *table(["PID", "Application ID", "Version", "Scope", "Since"], map(_row, found), context.out)
        )
    else:
        context.remark("No app runs.")
    return ExitCode.DONE


def kill(context: Context) -> int:
    """End every app that the names mean, or none when one of them means nothing."""
    found = running(context.places.runtime)
    meant = {instance.pid: instance for name in context.options.names for instance in _meant(found, name)}
    left = [instance for instance in meant.values() if not instance.stop(PATIENCE)]
    stopped: list[JsonValue] = [item.to_json() for item in meant.values() if item not in left]
    if context.options.json and not left:
        context.put_json({"changed": bool(stopped), "stopped": stopped})
    context.say(*(f"Stopped {_name(item)}." for item in meant.values() if item not in left))
    if left:
        raise Failure("Failed", f"{left[0].id} still runs", f"kill -9 {left[0].pid}")
    return ExitCode.DONE


def _meant(found: list[Instance], name: str) -> list[Instance]:
    """Find what runs under a process number, an ID, or an ID's last part. Raises Failure."""
    for same in (_has_number, _has_id, _has_last_part):
        if meant := [instance for instance in found if same(instance, name)]:
            return meant
    raise Failure("NotFound", f"{name} does not run", "appctl ps")


def _has_number(instance: Instance, name: str) -> bool:
    return str(instance.pid) == name


def _has_id(instance: Instance, name: str) -> bool:
    return instance.id == name


def _has_last_part(instance: Instance, name: str) -> bool:
    return instance.id.rpartition(".")[2].lower() == name.lower()


def _row(instance: Instance) -> list[str]:
    return [
        str(instance.pid), instance.id, instance.version, instance.scope, moment(instance.started),
    ]  # fmt: skip


def _name(instance: Instance) -> str:
    return f"{escape(instance.id)} ({instance.pid})"
