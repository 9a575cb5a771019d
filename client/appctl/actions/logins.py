# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl login`, `appctl logout`: the caller's login for a registry, in the file that podman and skopeo use.

With --system it is the machine's, for root's jobs and the timers. Guarantees: a password is never an argument
and never echoed; it goes into a file that only the caller, or root and the daemon, may read, and nowhere
else. The registry is not asked: a wrong one is told with the next install.
"""

import re
import sys

from appctl.context import Context
from appctl.exits import ExitCode
from appctl.failure import usage
from appctl.logins import auth_files, system_file
from appctl.terminal.ask import can_ask
from appctl.terminal.show import escape
from appctl.terminal.typed import (
    PASSWORD_BYTES,
    check_password,
    check_username,
    type_password,
    type_username,
)

_HOST = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?(:[0-9]{1,5})?(/[a-z0-9._-]+)*")


def login(context: Context) -> int:
    """Ask for user and password, and keep them. Raises Failure."""
    host = _host(context)
    if _is_the_systems(context):
        system_file.check_root()
    username, password = _username(context), _password(context)
    if _is_the_systems(context):
        path = system_file.remember(host, username, password)
    else:
        path = auth_files.remember(context.places, host, username, password)
    if context.options.json:
        context.put_json({"changed": True, "host": host, "file": str(path)})
    context.say(f"Kept the login for {host} in {escape(str(path))}.")
    return ExitCode.DONE


def logout(context: Context) -> int:
    """Forget what is kept for a host, in whichever file it is. Raises Failure."""
    host = _host(context)
    theirs = _is_the_systems(context)
    changed = system_file.forget(host) if theirs else auth_files.forget(context.places, host)
    if context.options.json:
        context.put_json({"changed": changed, "host": host})
    context.say(f"Forgot the login for {host}." if changed else f"There is no login for {host}.")
    return ExitCode.DONE


def _is_the_systems(context: Context) -> bool:
    """Whether --system was said: whoever installs for all users does so with a login of their own."""
    return bool(context.options.scope == "system")


def _host(context: Context) -> str:
    host = str(context.options.host)
    if not _HOST.fullmatch(host):
        raise usage(f"{host!r} is no HOST[:PORT]", "appctl login registry.example")
    return host


def _username(context: Context) -> str:
    if context.options.username is None:
        _need_a_person(context, "--username NAME --password-stdin")
        return type_username()
    return check_username(str(context.options.username))


def _password(context: Context) -> str:
    if context.options.password_stdin:
        return check_password(sys.stdin.read(PASSWORD_BYTES + 1).rstrip("\n"))
    _need_a_person(context, "--password-stdin")
    return type_password()


def _need_a_person(context: Context, hint: str) -> None:
    if not can_ask(context.options):
        raise usage("a person must type this at a terminal", hint)
